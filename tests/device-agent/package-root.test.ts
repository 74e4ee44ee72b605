import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../../device-agent/node/package-root.ts';

it("finds the folder of Hearth's package.json", () => {
  expect(JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')).name).toBe('hearth');
  expect(existsSync(join(packageRoot(), 'device-agent/node/package-root.ts'))).toBe(true);
});
