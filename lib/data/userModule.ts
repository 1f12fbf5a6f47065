// Code of the user's own that workers run too: it is named by its file, which each thread imports for itself.
import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ArgumentError } from '../errors';
import { describe } from '../text';

/** Where a module is: an absolute path, or a `file:` URL as an object or a string. */
export type ModuleLocation = string | { readonly href: string };

/** The URL of a module. @internal */
export function moduleUrl(op: string, module: unknown): string {
  const text = typeof module === 'string' ? module : (module as { href?: unknown } | null | undefined)?.href;
  if (typeof text === 'string') {
    if (text.startsWith('file:')) return text;
    if (isAbsolute(text)) return pathToFileURL(text).href;
  }
  throw new ArgumentError(
    `${op}: module must be an absolute path or a file: URL, such as new URL('./file.mjs', import.meta.url), ` +
      `given ${describe(text ?? module)}`,
  );
}

/** The function that a module exports as its default. @internal */
export async function defaultExport(op: string, url: string): Promise<(options: unknown) => unknown> {
  const exported = (await import(url)) as { default?: unknown };
  // What a CommonJS module assigns to exports.default is one level deeper.
  const made = exported.default as { default?: unknown } | undefined;
  const factory = typeof made === 'function' ? made : made?.default;
  if (typeof factory !== 'function') {
    throw new ArgumentError(`${op}: the default export of ${url} must be a function, given ${describe(factory)}`);
  }
  return factory as (options: unknown) => unknown;
}

/** A copy of the options for a module. @internal */
export function plainData(op: string, options: unknown): unknown {
  try {
    return structuredClone(options);
  } catch (error) {
    throw new ArgumentError(
      `${op}: options must be plain data, which can be sent to a worker (${(error as Error).message})`,
      { cause: error },
    );
  }
}
