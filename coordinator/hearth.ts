#!/usr/bin/env node
import { setFlagsFromString } from 'node:v8';
import { main } from './cli/program.ts';

// Most garbage here is logits, which lie outside: V8 would keep 30 MB for young objects, memory that a model could use.
setFlagsFromString('--semi-space-growth-factor=1');
process.exitCode = await main(process.argv.slice(2));
