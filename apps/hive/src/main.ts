import { setFlagsFromString } from 'node:v8';

// V8 grows its young generation to 32 MiB at the first burst and keeps it for ever; an agent that shares its machine
// with models gives that memory back to them. It heeds this only before the first
// large import.
setFlagsFromString('--semi-space-growth-factor=1');

await import('./start.js');
