import { createHash } from 'node:crypto';
import type { Sha256 } from '../../runtime/protocol/tile-frame.ts';

export const nodeSha256: Sha256 = (bytes) => createHash('sha256').update(bytes).digest();
