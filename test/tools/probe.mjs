// Finds out whether the table in opTable.mjs tells the truth, by calling every operation with every element type.
import * as receptive from 'receptive';
import { devices, families, notOps } from './opTable.mjs';

const dtypes = ['float32', 'float64', 'int32', 'uint8', 'bool'];

/** A maker of small tensors of one type on one device: values 0, 1, 1, 0, 1, 1 …, legal as labels, indices and probabilities. */
function maker(dtype, device) {
  const of = (type, shape) => {
    const size = shape.reduce((product, extent) => product * extent, 1);
    const values = Array.from({ length: size }, (_, i) => (i % 3 === 0 ? 0 : 1));
    return receptive.tensor(values, { shape, dtype: type, device });
  };
  return Object.assign((shape) => of(dtype, shape), { of });
}

/** Whether a call accepts the type: true, false for a DTypeError; anything else is an error of the table or of the op. */
function accepts(call, dtype, device) {
  return receptive.tidy(() => {
    try {
      for (const tensor of [call(maker(dtype, device), receptive)].flat()) tensor?.dataSync();
      return true;
    } catch (error) {
      if (error instanceof receptive.DTypeError) return false;
      throw error;
    }
  });
}

/** What the tape keeps for the backward pass of a call, in the words of its rule. */
export function keptBy(call) {
  return receptive.tidy(() => {
    const make = maker('float32', 'cpu');
    const leaf = (shape) => Object.assign(make(shape), { requiresGrad: true });
    const [output] = [call(Object.assign(leaf, { of: make.of }), receptive)].flat();
    if (!output.requiresGrad) throw new Error('an operation with a gradient is not recorded by the tape');
    return output._source.node.rule.keeps;
  });
}

/** What differs between a claim and what the device does, as text. */
function compare(name, claimed, call, device) {
  const problems = [];
  for (const dtype of dtypes) {
    try {
      const actual = accepts(call, dtype, device);
      if (actual === claimed.includes(dtype)) continue;
      problems.push(`${name} ${actual ? 'accepts' : 'refuses'} ${dtype} on ${device}, the table says otherwise`);
    } catch (error) {
      problems.push(`${name} with ${dtype} on ${device}: ${error.message}`);
    }
  }
  return problems;
}

/** The functions a namespace exports, without classes. */
const functionsOf = (namespace) =>
  Object.keys(namespace).filter((name) => typeof namespace[name] === 'function' && !/^[A-Z]/.test(name));

/** Differences between two lists of names, as text. */
function differences(what, listed, exported) {
  return [
    ...exported.filter((name) => !listed.includes(name)).map((name) => `${what} ${name} is missing from the table`),
    ...listed.filter((name) => !exported.includes(name)).map((name) => `${what} ${name} is listed and does not exist`),
    ...listed.filter((name, i) => listed.indexOf(name) !== i).map((name) => `${what} ${name} is listed twice`),
  ];
}

/** Everything that the table gets wrong, as lines of text; none when it is right. */
export function probe() {
  const ops = families.flatMap((family) => family.ops);
  const gradients = ops.flatMap((op) => Object.entries(op.gradients ?? {}));
  const here = receptive.devices().filter((device) => device.available && devices.includes(device.kind));
  return [
    ...differences('function', [...ops.map(({ name }) => name), ...notOps], functionsOf(receptive)),
    ...differences(
      'gradient',
      gradients.map(([name]) => name),
      functionsOf(receptive.grad),
    ),
    ...ops.flatMap(({ sharedGradient: shared }) =>
      shared && !(shared in receptive.grad) ? [`no grad.${shared}`] : [],
    ),
    ...here.flatMap(({ id }) => [
      ...ops.flatMap(({ name, dtypes: claimed, call }) => compare(name, claimed, call, id)),
      ...gradients.flatMap(([name, call]) => compare(`grad.${name}`, ['float32', 'float64'], call, id)),
    ]),
  ];
}
