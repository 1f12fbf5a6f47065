// Gradient checkpointing: the forward pass of a block leaves one node on the tape, which saves the block's inputs only.
// When its turn comes, the block runs again, recorded with all it saves, and backward goes through that piece of graph.
import { expectTensor } from '../check';
import { getDefaultDevice, withDevice } from '../device';
import { ArgumentError, GraphError } from '../errors';
import { detach } from '../move';
import { getRngState, type RngState, setRngState } from '../random';
import { refusePromise, tidy } from '../scope';
import { sameShape, shapeText } from '../shape';
import type { AnyTensor } from '../tensor';
import { walkPiece } from './engine';
import { mode, withRecording } from './mode';
import { attach, type BackwardCall, type Edge, edgeOf, GraphNode, nextNode, type Rule, rule, Source } from './node';

type Block = (...inputs: AnyTensor[]) => AnyTensor;

interface Checkpoint {
  readonly fn: Block;
  /** What the block used beside its inputs: parameters, results of operations around it. */
  readonly others: readonly Edge[];
  readonly shape: readonly number[];
  readonly random: RngState;
  readonly device: string;
}

const op = 'checkpoint';

/** The block again, with the random numbers and the default device of the first time. */
function again({ fn, shape, random, device }: Checkpoint, inputs: readonly AnyTensor[]): AnyTensor {
  const now = getRngState();
  setRngState(random);
  try {
    const output = withDevice(device, () => withRecording(true, () => fn(...inputs)));
    if (!sameShape(output.shape, shape)) {
      throw new GraphError(
        `${op}: the block gave ${shapeText(shape)} the first time and ${shapeText(output.shape)} when backward ran it again`,
      );
    }
    return output;
  } finally {
    setRngState(now);
  }
}

function backward({ gradOutput, saved, state, needs }: BackwardCall<Checkpoint>): (AnyTensor | null)[] {
  const inputs = saved.map((tensor, i) => {
    const input = detach(tensor);
    input._requiresGrad = needs[i];
    return input;
  });
  const first = nextNode();
  const output = again(state, inputs);
  const edges = [...inputs, ...state.others].map((edge, i) => (needs[i] ? edge : null));
  return walkPiece(output, detach(gradOutput), edges, first);
}

const checkpointRule: Rule<Checkpoint> = rule<Checkpoint>(op, { keeps: 'the inputs of the block' }, backward);

/** What the nodes from `first` on, behind `edge`, depend on beyond themselves. */
function edgesBeyond(edge: Edge, first: number): Edge[] {
  const beyond = new Set<Edge>();
  const seen = new Set<GraphNode>();
  const open: Edge[] = [edge];
  for (const one of open) {
    if (!(one instanceof Source) || one.node.id < first) {
      if (one !== null) beyond.add(one);
    } else if (!seen.has(one.node)) {
      seen.add(one.node);
      open.push(...one.node.edges);
    }
  }
  return [...beyond];
}

/**
 * Calls `fn` and keeps nothing of what it computes for backward but its inputs: backward calls it once more. Memory for
 * time; the random numbers of the second call are those of the first.
 *
 * @param fn A synchronous function of the inputs, which returns one new tensor and does the same each time. What else it
 *   uses that requires grad (parameters) gets gradients too, and must not be disposed before backward.
 * @param inputs Kept for backward, also when they are disposed.
 * @returns What `fn` returned.
 * @throws ArgumentError when `fn` is no function or returns no tensor; backward() throws GraphError when the second call
 *   gives another shape.
 * @example const y = checkpoint((x) => block.forward(x), input);
 */
export function checkpoint<I extends readonly AnyTensor[], O extends AnyTensor>(
  fn: (...inputs: I) => O,
  ...inputs: I
): O {
  if (typeof fn !== 'function') throw new ArgumentError(`${op}: fn must be a function`);
  for (const [i, input] of inputs.entries()) expectTensor(op, `input ${i}`, input);
  if (!mode.recording) return fn(...inputs);
  const random = getRngState();
  const first = nextNode();
  const saving = mode.saving;
  mode.saving = false;
  let output: O;
  try {
    output = tidy(() => {
      const result = fn(...inputs);
      refusePromise(op, result);
      return result;
    });
  } finally {
    mode.saving = saving;
  }
  expectTensor(op, 'the result of fn', output);
  const made = output._source;
  if (made === null || made.node.id < first) {
    if (inputs.includes(output) || made !== null) {
      throw new ArgumentError(`${op}: fn must return a new tensor, not one that it was given`);
    }
    return output; // nothing in it requires grad
  }
  const others = edgesBeyond(made, first);
  const state: Checkpoint = {
    fn: fn as unknown as Block,
    others,
    shape: output.shape,
    random,
    device: getDefaultDevice(),
  };
  const node = new GraphNode(checkpointRule as Rule<unknown>, [...inputs.map(edgeOf), ...others], 1, inputs, state);
  attach(node, [output]);
  made.node.release();
  return output;
}
