#!/usr/bin/env node
import { setFlagsFromString } from 'node:v8';
import { main } from './cli/program.ts';

// What V8 keeps of garbage, in each thread, is memory that a model could use: it is to collect early, and to keep no 30 MB
// for young objects. What takes time here is not JavaScript.
setFlagsFromString('--semi-space-growth-factor=1');
setFlagsFromString('--optimize-for-size');
process.exitCode = await main(process.argv.slice(2));
