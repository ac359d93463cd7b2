// Lets a bench import the fakes of libs/testing, which are not part of the build: strips their types when they load.
import { readFileSync } from 'node:fs';
import { register } from 'node:module';
import ts from 'typescript';

const OPTIONS = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };

/** Must have run before the first import of a TypeScript file. */
export const importTypeScript = () => register(import.meta.url);

export async function resolve(specifier, context, next) {
  const isSource = specifier.startsWith('.') && context.parentURL?.endsWith('.ts') === true;
  return next(isSource ? specifier.replace(/\.js$/, '.ts') : specifier, context);
}

export async function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context);
  const { outputText } = ts.transpileModule(readFileSync(new URL(url), 'utf8'), { compilerOptions: OPTIONS });
  return { format: 'module', source: outputText, shortCircuit: true };
}
