/** The bundler makes a file of its own of an imported style sheet. */
declare module '*.css';
