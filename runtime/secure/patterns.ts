import type { Pattern } from './handshake.ts';

/** The first time: both know a secret, and get to know each other's identity. */
export const pairingPattern: Pattern = {
  name: 'XXpsk0',
  knowsResponder: false,
  messages: [
    ['psk', 'e'],
    ['e', 'ee', 's', 'es'],
    ['s', 'se'],
  ],
};

/** From then on: the device knows whom it joins, and says who it is to nobody else. */
export const joiningPattern: Pattern = {
  name: 'IK',
  knowsResponder: true,
  messages: [
    ['e', 'es', 's', 'ss'],
    ['e', 'ee', 'se'],
  ],
};

/** A further link of a session, by a secret that only its two ends have. */
export const attachingPattern: Pattern = {
  name: 'NNpsk0',
  knowsResponder: false,
  messages: [
    ['psk', 'e'],
    ['e', 'ee'],
  ],
};
