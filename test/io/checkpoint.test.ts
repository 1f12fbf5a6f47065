import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { getRngState, manualSeed, noGrad, rand, sum, tidy } from 'receptive';
import {
  loadCheckpoint,
  readSafetensorsHeader,
  type StateDict,
  type Stateful,
  saveCheckpoint,
  saveSafetensors,
} from 'receptive/io';
import { Adam, exponentialLr, LrScheduler, SGD } from 'receptive/optim';
import { describe, expect, it } from 'vitest';
import { describeOnDevices } from '../support/devices';
import { expectThrows } from '../support/errors';
import {
  type AnyTensor,
  bytesOf,
  entry,
  expectRejects,
  expectSameTensor,
  loadTensors,
  ones,
  own,
  safetensorsBytes,
  samples,
  temporaryFolder,
  tensor,
  zeros,
} from './files';

const folder = temporaryFolder();
const file = join(folder, 'run.safetensors');

/** A part as the contract has it: it checks all of a state before it changes. */
class Model implements Stateful {
  loads = 0;

  constructor(
    readonly tensors: Record<string, AnyTensor>,
    public values: Record<string, unknown> = {},
  ) {}

  stateDict(): StateDict {
    return { tensors: this.tensors, values: this.values };
  }

  loadStateDict({ tensors, values }: StateDict): void {
    const names = Object.keys(this.tensors);
    const strange = Object.keys(tensors).find((name) => !names.includes(name));
    if (strange !== undefined) throw new TypeError(`no tensor ${strange}`);
    for (const name of names) if (!Object.hasOwn(tensors, name)) throw new TypeError(`no ${name} in the state`);
    this.loads++;
    noGrad(() => {
      for (const name of names) this.tensors[name].copy_(tensors[name]);
    });
    this.values = { ...values };
  }
}

/** A part that refuses every state, but for its own. */
class Stubborn extends Model {
  override loadStateDict(state: StateDict): void {
    if (!Object.is(state.values, this.values)) throw new RangeError('never');
  }
}

describeOnDevices('saveCheckpoint and loadCheckpoint', (device) => {
  it('restore parts, values and the random state', async () => {
    manualSeed(5);
    const values = { epoch: 3, history: [{ loss: 0.25, note: 'ü' }], best: null, deep: { a: [true, []] } };
    const model = new Model(samples(), { step: 7 });
    await saveCheckpoint(file, { parts: { model, other: new Model({ w: ones([2]) }) }, values });
    const expected = own(rand([5]));

    const fresh = Object.fromEntries(
      Object.entries(samples()).map(([name, t]) => [name, zeros(t.shape, { dtype: t.dtype })]),
    );
    const restored = new Model(fresh, { step: 0 });
    expect(await loadCheckpoint(file, { parts: { model: restored } })).toEqual({ values, parts: ['model', 'other'] });
    for (const [name, t] of Object.entries(samples())) expectSameTensor(restored.tensors[name], t, name);
    expect(restored.values).toEqual({ step: 7 });
    expect(restored.tensors.scalar.device).toBe(device);
    expectSameTensor(own(rand([5])), expected);
  });

  it('continue a training bit for bit', async () => {
    const start = (): { model: Model; optimizer: Adam; schedule: LrScheduler } => {
      const weight = tensor(
        [
          [0.5, -1, 2],
          [3, 0.1, -0.2],
        ],
        { requiresGrad: true },
      );
      const optimizer = new Adam([weight], { learningRate: 0.05 });
      const schedule = new LrScheduler(optimizer, exponentialLr(0.5));
      return { model: new Model({ weight }), optimizer, schedule };
    };
    const train = ({ model, optimizer, schedule }: ReturnType<typeof start>, steps: number): void => {
      const { weight } = model.tensors;
      for (let i = 0; i < steps; i++) {
        tidy(() => sum(weight as ReturnType<typeof ones>).backward());
        noGrad(() => weight.grad?.copy_(own(rand([2, 3]))));
        optimizer.step();
        schedule.step();
        optimizer.zeroGrad();
      }
    };
    manualSeed(1);
    const straight = start();
    train(straight, 4);
    await saveCheckpoint(file, { parts: { ...straight } });
    train(straight, 3);

    const resumed = start();
    await loadCheckpoint(file, { parts: { ...resumed } });
    train(resumed, 3);
    expectSameTensor(resumed.model.tensors.weight, straight.model.tensors.weight);
    straight.optimizer.dispose();
    resumed.optimizer.dispose();
  });

  it('take everything as of the call', async () => {
    const model = new Model({ w: zeros([1000]) }, { list: [1] });
    const values = { epoch: 1 };
    const saved = saveCheckpoint(file, { parts: { model }, values });
    noGrad(() => model.tensors.w.copy_(ones([1000])));
    (model.values.list as number[]).push(2);
    values.epoch = 2;
    manualSeed(99);
    await saved;
    const restored = new Model({ w: ones([1000]) });
    expect((await loadCheckpoint(file, { parts: { model: restored } })).values).toEqual({ epoch: 1 });
    expectSameTensor(restored.tensors.w, zeros([1000]));
    expect(restored.values).toEqual({ list: [1] });
  });
});

describe('the file', () => {
  it('is a safetensors file, in which other programs find the tensors', async () => {
    await saveCheckpoint(file, { parts: { model: new Model({ 'conv.weight': ones([2]) }) }, values: { epoch: 1 } });
    expectSameTensor((await loadTensors(file))['model.conv.weight'], ones([2]));
    const { metadata } = await readSafetensorsHeader(file);
    expect(metadata).toEqual({
      checksum: expect.stringMatching(/^crc32:[0-9a-f]{8}$/),
      format: 'receptive-checkpoint/1',
      parts: '{"model":{}}',
      random: JSON.stringify(getRngState()),
      values: '{"epoch":1}',
    });
  });

  it('is the same for the same state', async () => {
    manualSeed(3);
    const save = () => saveCheckpoint(file, { parts: { model: new Model(samples(), { a: 1 }) }, values: { epoch: 1 } });
    await save();
    const first = readFileSync(file);
    await save();
    expect(readFileSync(file).equals(first)).toBe(true);
  });

  it('may hold values only, or nothing', async () => {
    await saveCheckpoint(file, { values: { a: 1 } });
    expect(await loadCheckpoint(file)).toEqual({ values: { a: 1 }, parts: [] });
    await saveCheckpoint(file, {});
    expect(await loadCheckpoint(file, { parts: {} })).toEqual({ values: {}, parts: [] });
  });

  it('with random: false leaves the random state alone', async () => {
    manualSeed(1);
    await saveCheckpoint(file, {});
    manualSeed(2);
    const before = getRngState();
    await loadCheckpoint(file, { random: false });
    expect(getRngState()).toEqual(before);
    await loadCheckpoint(file);
    expect(getRngState()).not.toEqual(before);
  });
});

describe('what does not fit changes nothing', () => {
  async function save(): Promise<void> {
    manualSeed(1);
    const big = new Model({ a: ones([4, 2]), b: ones([3]) }, { step: 1 });
    const small = new Model({ a: ones([2]) }, { step: 1 });
    await saveCheckpoint(file, { parts: { big, small, empty: new Model({}) }, values: { epoch: 1 } });
    manualSeed(2);
  }

  /** Zeros, and a check that they still are. */
  function untouched(): { big: Model; small: Model; check: () => void } {
    const big = new Model({ a: zeros([4, 2]), b: zeros([3]) }, { step: 0 });
    const small = new Model({ a: zeros([2]) }, { step: 0 });
    const random = getRngState();
    return {
      big,
      small,
      check() {
        for (const part of [big, small]) {
          for (const t of Object.values(part.tensors)) expect(bytesOf(t).every((byte) => byte === 0)).toBe(true);
          expect(part.values).toEqual({ step: 0 });
        }
        expect(getRngState()).toEqual(random);
      },
    };
  }

  it.each<[string, (parts: { big: Model; small: Model }) => Record<string, Stateful>, string, RegExp]>([
    [
      'a part that is not there',
      (p) => ({ ...p, schedule: new Model({}) }),
      'ArgumentError',
      /has no part 'schedule'; its parts are: big, small, empty/,
    ],
    [
      'another shape',
      (p) => ({ ...p, empty: new Model({}), small: new Model({ a: zeros([3]) }) }),
      'ShapeError',
      /tensor 'small\.a' has shape \[2\], that of parts\.small has \[3\]/,
    ],
    [
      'another type',
      (p) => ({ ...p, small: new Model({ a: tensor(Int32Array.of(0, 0)) }) }),
      'DTypeError',
      /tensor 'small\.a' is float32, that of parts\.small is int32/,
    ],
    [
      'another optimiser',
      (p) => ({ ...p, small: new SGD([ones([2])], { learningRate: 1 }) }),
      'ArgumentError',
      /: parts\.small: SGD\.loadStateDict: /,
    ],
  ])('%s', async (_, choose, name, message) => {
    await save();
    const parts = untouched();
    const loading = loadCheckpoint(file, { parts: choose({ big: parts.big, small: parts.small }) });
    await expectRejects(loading, name as 'ArgumentError', new RegExp(`^loadCheckpoint: ${file}`), message);
    parts.check();
  });

  it('names that the part refuses, after others have changed: they go back', async () => {
    await save();
    const { big, small, check } = untouched();
    for (const strange of [
      new Model({ a: zeros([4, 2]) }),
      new Model({ a: zeros([4, 2]), b: zeros([3]), c: zeros([1]) }),
    ]) {
      const loading = loadCheckpoint(file, { parts: { small, big: strange } });
      await expect(loading).rejects.toThrow(TypeError);
      expect(small.loads % 2).toBe(0);
      expect(small.loads).toBeGreaterThan(0);
    }
    expect(big.loads).toBe(0);
    check();
  });

  it('a part that always refuses', async () => {
    await save();
    const { small, check } = untouched();
    const loading = loadCheckpoint(file, { parts: { small, big: new Stubborn({ a: zeros([4, 2]), b: zeros([3]) }) } });
    await expect(loading).rejects.toThrow('never');
    check();
  });
});

describe('a file that is damaged or no checkpoint is a FormatError', () => {
  it('every flipped bit, and every cut', async () => {
    await saveCheckpoint(file, { parts: { m: new Model({ w: tensor([1, 2]) }, { step: 1 }) }, values: { epoch: 1 } });
    const whole = readFileSync(file);
    for (let position = 0; position < whole.length; position++) {
      const damaged = Buffer.from(whole);
      damaged[position] ^= 1 << (position % 8);
      writeFileSync(file, damaged);
      await expectRejects(loadCheckpoint(file), 'FormatError');
    }
    for (let length = 0; length < whole.length; length += 3) {
      writeFileSync(file, whole.subarray(0, length));
      await expectRejects(loadCheckpoint(file), 'FormatError');
    }
    writeFileSync(file, whole);
    await loadCheckpoint(file);
  });

  it('says that the file is damaged', async () => {
    await saveCheckpoint(file, { parts: { m: new Model({ w: tensor([1, 2]) }) } });
    const bytes = readFileSync(file);
    bytes[bytes.length - 1] ^= 1;
    writeFileSync(file, bytes);
    const message = /the file is damaged: its checksum is crc32:[0-9a-f]{8}, recorded is crc32:[0-9a-f]{8}/;
    await expectRejects(loadCheckpoint(file), 'FormatError', message);
  });

  /** A file with these metadata behind a checksum that is right, and one tensor, `m.w`. */
  function withChecksum(metadata: Record<string, string>): Buffer {
    const all = { __metadata__: { checksum: 'crc32:00000000', ...metadata }, 'm.w': entry('F32', [2], 0, 8) };
    const bytes = safetensorsBytes(all, Buffer.alloc(8));
    bytes.write(crc32(bytes).toString(16).padStart(8, '0'), bytes.indexOf('crc32:') + 6);
    return bytes;
  }

  const good = {
    format: 'receptive-checkpoint/1',
    parts: '{"m":{}}',
    random: '{"seed":[1,2],"offset":3}',
    values: '{}',
  };

  it('where the checksum is right, the file is read', async () => {
    writeFileSync(file, withChecksum(good));
    const model = new Model({ w: ones([2]) });
    await loadCheckpoint(file, { parts: { m: model } });
    expectSameTensor(model.tensors.w, zeros([2]));
    expect(getRngState()).toEqual({ seed: [1, 2], offset: 3 });
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ['of another version', { ...good, format: 'receptive-checkpoint/2' }, /expected 'receptive-checkpoint\/1'/],
    ['values that are not JSON', { ...good, values: '{' }, /metadata 'values' is not JSON/],
    ['values that are no object', { ...good, values: '[]' }, /metadata 'values' is no JSON object/],
    ['parts that are no objects', { ...good, parts: '{"m":1}' }, /metadata 'parts' has a wrong entry 'm'/],
    ['a part with a dot', { ...good, parts: '{"m.x":{}}' }, /metadata 'parts' has a wrong entry 'm\.x'/],
    ['a tensor of no part', { ...good, parts: '{"n":{}}' }, /tensor 'm\.w' belongs to no part/],
    ['no random state', { ...good, random: '{"seed":1}' }, /metadata 'random' is no random state \(/],
  ])('%s', async (_, metadata, message) => {
    writeFileSync(file, withChecksum(metadata));
    await expectRejects(loadCheckpoint(file), 'FormatError', new RegExp(`^loadCheckpoint: ${file}: `), message);
  });

  it('a file that another program wrote is none', async () => {
    await saveSafetensors(file, { 'm.w': ones([2]) });
    await expectRejects(loadCheckpoint(file), 'FormatError', /no checkpoint: its metadata 'format' is undefined/);
    await saveSafetensors(file, { 'm.w': ones([2]) }, { metadata: { ...good, checksum: 'crc32:00000000' } });
    const message = /checksum is not at byte 43: it is damaged, or another program has written it/;
    await expectRejects(loadCheckpoint(file), 'FormatError', message);
  });
});

describe('wrong arguments throw at the call', () => {
  const model = new Model({});
  // biome-ignore lint/suspicious/noExplicitAny: these calls are wrong on purpose
  const [save, load] = [saveCheckpoint, loadCheckpoint] as ((...args: any[]) => unknown)[];
  const cycle: unknown[] = [];
  cycle.push(cycle);

  it.each<[string, unknown[], RegExp]>([
    ['no path', [undefined, {}], /file must be a path/],
    ['no contents', [file], /contents must be an object/],
    ['an unknown option', [file, { bogus: 1 }], /unknown option 'bogus'/],
    ['parts in an array', [file, { parts: [model] }], /parts must be an object/],
    [
      'a part that has no state',
      [file, { parts: { model: {} } }],
      /parts\.model must have stateDict\(\) and loadStateDict\(\)/,
    ],
    ['a part that is null', [file, { parts: { model: null } }], /parts\.model must have stateDict/],
    ['a name with a dot', [file, { parts: { 'a.b': model } }], /parts has the name 'a\.b'/],
    ['an empty name', [file, { parts: { '': model } }], /parts has the name ''/],
    [
      'a state of another form',
      [file, { parts: { m: new Model({}, [] as never) } }],
      /parts\.m\.stateDict\(\) must return/,
    ],
    [
      'tensors that are none',
      [file, { parts: { m: new Model({ w: 3 } as never) } }],
      /parts\.m\.stateDict\(\)\.tensors\['w'\] must be a Tensor/,
    ],
    [
      'a part with NaN',
      [file, { parts: { m: new Model({}, { loss: Number.NaN }) } }],
      /parts\.m\.loss is NaN, which JSON does not have/,
    ],
    ['values that are no object', [file, { values: [1] }], /values must be an object/],
    ['Infinity', [file, { values: { best: [1, Infinity] } }], /values\.best\[1\] is Infinity, which JSON/],
    ['undefined', [file, { values: { a: undefined } }], /values\.a must be JSON, given undefined/],
    ['a hole in an array', [file, { values: { a: new Array(2) } }], /values\.a\[0\] must be JSON/],
    ['a date', [file, { values: { a: new Date(0) } }], /values\.a must be JSON, given a Date/],
    ['a map', [file, { values: { a: new Map() } }], /values\.a must be JSON/],
    ['a BigInt', [file, { values: { a: 1n } }], /values\.a must be JSON/],
    ['something with toJSON', [file, { values: { a: { toJSON: () => 1 } } }], /values\.a must be JSON/],
    ['a cycle', [file, { values: { cycle } }], /nested more than 100 deep, or contains itself/],
    ['another snapshot', [file, { snapshot: 'yes' }], /snapshot must be true or false/],
  ])('saveCheckpoint: %s', (_, args, message) => {
    expectThrows(() => save(...args), 'ArgumentError', /^saveCheckpoint: /, message);
  });

  it('saveCheckpoint: a disposed tensor', () => {
    const w = ones([1]);
    w.dispose();
    expectThrows(() => save(file, { parts: { m: new Model({ w }) } }), 'DisposedError', /tensors\['w'\]/);
  });

  it('loadCheckpoint', () => {
    expectThrows(() => load(3), 'ArgumentError', /^loadCheckpoint: file/);
    expectThrows(() => load(file, { parts: { m: 3 } }), 'ArgumentError', /parts\.m must have stateDict/);
    expectThrows(() => load(file, { random: 1 }), 'ArgumentError', /random must be true or false/);
    expectThrows(() => load(file, { bogus: 1 }), 'ArgumentError', /'bogus'/);
  });

  it('a file that is not there', async () => {
    await expect(loadCheckpoint(join(folder, 'absent'))).rejects.toMatchObject({ code: 'ENOENT' });
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});
