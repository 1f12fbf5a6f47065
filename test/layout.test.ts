import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from './support/child';

// Keeps the six places of an op in step, includes pointing one way, and files of a readable size.

const read = (path: string): string => readFileSync(join(packageRoot, path), 'utf8');
const exists = (path: string): boolean =>
  statSync(join(packageRoot, path), { throwIfNoEntry: false })?.isFile() ?? false;

function filesUnder(folder: string, pattern: RegExp): string[] {
  return readdirSync(join(packageRoot, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => relative(packageRoot, join(entry.parentPath, entry.name)))
    .filter((path) => !path.includes('node_modules'))
    .sort();
}

const camelCase = (snake: string): string => snake.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

const families = [...read('native/ops/registry.h').matchAll(/^\s*X\((\w+),\s*(\w+)\)/gm)].map(([, header, type]) => ({
  header,
  type,
  name: camelCase(header),
}));

/** Families whose TypeScript functions make tensors instead of taking them, and so are no file of lib/ops. */
const outsideOfOps: Readonly<Record<string, string>> = {
  creation: 'lib/creation.ts',
  random: 'lib/randomTensors.ts',
};

describe('op families', () => {
  it('are listed in the registry', () => {
    expect(families.length).toBeGreaterThanOrEqual(16);
    expect(new Set(families.map(({ header }) => header)).size).toBe(families.length);
  });

  it.each(families)('$name has a header, a TypeScript file, a test and bench cases', ({ header, type, name }) => {
    expect(read(`native/ops/${header}.h`)).toMatch(new RegExp(`\\b${type}Family\\b`));
    const places = [outsideOfOps[name] ?? `lib/ops/${name}.ts`, `test/ops/${name}.test.ts`, `bench/cases/${name}.ts`];
    for (const path of places) expect(exists(path), path).toBe(true);
  });

  it('have no bench case or test without a family, but for parts of one', () => {
    const parts = ['im2col', 'conv1d', 'convTranspose2d', 'pool1d'];
    const known = new Set([...families.map(({ name }) => name), ...parts]);
    for (const path of [...filesUnder('test/ops', /\.test\.ts$/), ...filesUnder('bench/cases', /\.ts$/)]) {
      const name =
        path
          .split('/')
          .at(-1)
          ?.replace(/(\.test)?\.ts$/, '') ?? '';
      expect(known.has(name), `${path} belongs to a family of the registry`).toBe(true);
    }
  });
});

describe('native sources', () => {
  const rooms = ['core', 'ops', 'cpu', 'mpi', 'no_cuda', 'addon'];
  const sources = rooms.flatMap((room) => filesUnder(`native/${room}`, /\.(h|cpp)$/));
  const byName = new Map(sources.map((path) => [path.split('/').at(-1), path]));

  /** The room of an included file; undefined for the system's and for generated ones. */
  function roomOf(from: string, include: string): string | undefined {
    const beside = join(dirname(from), include);
    const path = sources.includes(beside)
      ? beside
      : (sources.find((s) => s.endsWith(`/${include}`)) ?? byName.get(include));
    return path?.split('/')[1];
  }

  /** What a room may include, besides itself. */
  const allowed: Readonly<Record<string, readonly string[]>> = {
    core: [],
    // The executor's contract: each backend has files of these names, and the include path of its build selects them.
    ops: ['core', 'cpu'],
    cpu: ['core', 'ops'],
    mpi: ['core'],
    no_cuda: ['core'],
    addon: ['core'],
  };

  it('include one way: backends -> ops -> core <- addon', () => {
    const faults: string[] = [];
    for (const path of sources) {
      const room = path.split('/')[1];
      for (const [, include] of read(path).matchAll(/^\s*#include "([^"]+)"/gm)) {
        const target = roomOf(path, include);
        if (target === undefined || target === room || allowed[room].includes(target)) continue;
        faults.push(`${path} includes ${include} of ${target}/`);
      }
    }
    expect(faults).toEqual([]);
  });

  it('name no backend in ops/, and reach one through its contract only', () => {
    const faults: string[] = [];
    for (const path of filesUnder('native/ops', /\.h$/)) {
      const text = read(path);
      const code = text.replace(/\/\/.*$/gm, '');
      if (/#\s*if(n?def)?\b/.test(code)) faults.push(`${path} has a preprocessor condition`);
      if (/\b(cuda\w*|__CUDA\w*|avx\w*|__m\d+\w*|neon)\b/i.test(code)) faults.push(`${path} names a backend`);
      for (const [, include] of text.matchAll(/#include "([^"]+)"/g)) {
        if (include.includes('cpu/') || include.includes('cuda/')) faults.push(`${path} includes ${include}`);
      }
      if (/#include <napi|node_api/.test(text)) faults.push(`${path} includes Node-API`);
    }
    expect(faults).toEqual([]);
  });

  it('include Node-API in addon/ only', () => {
    const users = sources.filter((path) => /#include [<"](napi|node_api|js_native_api)/.test(read(path)));
    expect(users.filter((path) => !path.startsWith('native/addon/'))).toEqual([]);
    expect(users.length).toBeGreaterThan(0);
  });

  it('use no function of the standard library in target-compiled code', () => {
    const permitted = /^(cstddef|cstdint|type_traits|limits|utility)$/;
    const faults = filesUnder('native/ops', /\.h$/).flatMap((path) =>
      [...read(path).matchAll(/#include <([^>]+)>/g)]
        .filter(([, header]) => !permitted.test(header))
        .map(([, header]) => `${path} includes <${header}>`),
    );
    expect(faults).toEqual([]);
  });
});

describe('file sizes', () => {
  const sources = ['lib', 'native', 'test', 'bench', 'examples'].flatMap((folder) =>
    filesUnder(folder, /\.(ts|mjs|h|cpp)$/),
  );
  const lines = (path: string): number => read(path).split('\n').length;

  it('no file exceeds 500 lines', () => {
    expect(sources.filter((path) => lines(path) > 500).map((path) => `${path}: ${lines(path)}`)).toEqual([]);
  });

  it('the median file has at most 200', () => {
    const sizes = sources.map(lines).sort((a, b) => a - b);
    expect(sizes[Math.floor(sizes.length / 2)]).toBeLessThanOrEqual(200);
  });
});
