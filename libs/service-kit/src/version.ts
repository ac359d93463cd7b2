import { readFileSync } from 'node:fs';

/** The project's version: from the package file, which stands at the same place above the sources and the build. */
export const VERSION: string = readVersion();

function readVersion(): string {
  for (let folder = new URL('.', import.meta.url); folder.pathname !== '/'; folder = new URL('..', folder)) {
    const version = packageVersion(new URL('package.json', folder));
    if (version !== undefined) return version;
  }
  return '0.0.0';
}

function packageVersion(file: URL): string | undefined {
  try {
    const { name, version } = JSON.parse(readFileSync(file, 'utf8')) as { name?: string; version?: string };
    return name === 'apiary' ? version : undefined;
  } catch {
    return undefined;
  }
}
