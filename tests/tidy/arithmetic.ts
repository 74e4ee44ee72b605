import { codeOnly, matches } from './source-text.ts';
import type { Rule } from './source-tree.ts';

/** Functions of `Math` that are defined to the last bit. Others differ from engine to engine. */
const exactMath = 'abs|ceil|clz32|floor|fround|imul|max|min|round|sign|sqrt|trunc';
const inexactMath = new RegExp(`\\b(?:JS|Native)?Mathf?\\b(?!\\.(?:${exactMath})\\b)(?:\\.\\w+)?`, 'g');
/** Powers of two with the exponent written out are exact; any other power is approximated. */
const inexactPower = /(?<!\b2 )\*\*|\*\*(?! -?\d)/g;

/** What ranks compute must be the same bits everywhere: no host's `exp`, and no power by operator either. */
export const exactArithmetic: Rule = ({ path, text }) => {
  if (!/^(runtime|assembly)\//.test(path)) return [];
  const code = codeOnly(text, { strings: false });
  return [
    ...matches(code, inexactMath, ([name]) => `${name} is not the same on every host`),
    ...matches(code, inexactPower, () => 'the power operator is not the same on every host'),
  ];
};

/** Relaxed SIMD gives the host a choice, except in these two on the operands that the kernels give them. */
export const exactRelaxedSimd: Rule = ({ path, text }) => {
  if (!path.startsWith('assembly/')) return [];
  const code = codeOnly(text, { strings: false });
  return matches(
    code,
    /\brelaxed_(?!dot|swizzle|trunc)\w+/g,
    ([name]) => `${name} may round as the host likes`,
  );
};

/** Kernels are handed everything: they declare nothing that the host would have to provide. */
export const noHostImports: Rule = ({ path, text }) => {
  if (!path.startsWith('assembly/')) return [];
  const code = codeOnly(text, { strings: false });
  return matches(code, /@external|\bdeclare\b/g, ([word]) => `${word} asks the host for something`);
};
