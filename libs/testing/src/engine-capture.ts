import { readFileSync } from 'node:fs';

const FOLDER = new URL('../fixtures/engines/', import.meta.url);

/** What a real inference server answered; its README says where each file comes from. */
export function engineCapture(path: string): string {
  return readFileSync(new URL(path, FOLDER), 'utf8');
}
