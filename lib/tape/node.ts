// The tape: a graph of the operations that were recorded. An operation that takes part calls record() with its rule, its
// operands, its output and what backward needs of them.
//
// A node is counted: by its outputs that are not disposed, and by the nodes that consumed them. When nobody is left, it
// lets go of what it saved at once, whether backward() ran or not; the garbage collector is the backstop, as for tensors.
import type { DType } from '../dtype';
import type { AnyTensor, Tensor } from '../tensor';
import { mode } from './mode';
import { Saved } from './saved';

/** Gradients of an operation's operands, in their order; null where there is none. @internal */
export type Gradients = readonly (AnyTensor | null | undefined)[];

/** What a rule computes from. @internal */
export interface BackwardCall<S> {
  /** Gradient of the first output that has one: of the only one, mostly. */
  readonly gradOutput: AnyTensor;
  /** Gradients of all outputs, null where none arrived. */
  readonly gradOutputs: readonly (AnyTensor | null)[];
  /** What record() was given to save; a tensor that was not saved since nobody needs it must not be read. */
  readonly saved: readonly AnyTensor[];
  readonly state: S;
  /** Whether the gradient of operand i is wanted. */
  readonly needs: readonly boolean[];
}

/** How the gradients of one operation's operands follow from that of its output. @internal */
export interface Rule<S> {
  readonly op: string;
  /** What is kept for it, for the documentation. */
  readonly keeps: string;
  /**
   * Whether the rule consists of operations that are recorded themselves, so that gradients of gradients follow from
   * it.
   */
  readonly differentiable: boolean;
  /** New tensors, each of the operand's shape. */
  readonly backward: (call: BackwardCall<S>) => Gradients;
}

/** Output `index` of a node. @internal */
export class Source {
  constructor(
    readonly node: GraphNode,
    readonly index: number,
  ) {}
}

/** Where an operand came from: another operation, the user (a leaf), or nowhere that gradients are wanted. @internal */
export type Edge = Source | AnyTensor | null;

let nodes = 0;

/** The number that the next node will have. @internal */
export function nextNode(): number {
  return nodes;
}

/** One recorded operation. @internal */
export class GraphNode {
  /** Larger than those of the nodes it depends on. */
  readonly id = nodes++;
  /** Whether backward() has used it up. */
  freed = false;
  /** Live outputs and consumers. */
  private users = 0;
  readonly rule: Rule<unknown>;
  edges: readonly Edge[];
  private saved: readonly (Saved | null)[];

  constructor(
    how: Rule<unknown>,
    edges: readonly Edge[],
    readonly outputs: number,
    saves: readonly (AnyTensor | null | undefined)[],
    readonly state: unknown,
  ) {
    this.rule = how;
    this.edges = edges;
    for (const edge of edges) if (edge instanceof Source) edge.node.retain();
    this.saved = !mode.saving
      ? []
      : saves.map((tensor) => (tensor === null || tensor === undefined ? null : new Saved(tensor)));
  }

  retain(): void {
    this.users++;
  }

  release(): void {
    if (--this.users === 0) this.free(false);
  }

  /** Lets go of everything; `used` tells a later backward() why. */
  free(used: boolean): void {
    this.freed ||= used;
    const { edges, saved } = this;
    this.edges = [];
    this.saved = [];
    for (const one of saved) one?.release();
    // Long chains are freed from the end to the beginning, without a call for each link on the stack.
    for (const edge of edges) if (edge instanceof Source) dropLater(edge.node);
    dropAll();
  }

  read(): AnyTensor[] {
    return this.saved.map((one) => one?.read(this.rule.op) as AnyTensor);
  }
}

const pending: GraphNode[] = [];
let dropping = false;

function dropLater(node: GraphNode): void {
  pending.push(node);
}

function dropAll(): void {
  if (dropping) return;
  dropping = true;
  try {
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) node.release();
  } finally {
    dropping = false;
  }
}

/** Where a gradient for `tensor` would go. @internal */
export function edgeOf(tensor: AnyTensor | null | undefined): Edge {
  if (tensor === null || tensor === undefined || !tensor._requiresGrad) return null;
  return tensor._source ?? tensor;
}

/** Whether an operation on these tensors is recorded. @internal */
export function recording(a: AnyTensor, b?: AnyTensor | null, c?: AnyTensor | null): boolean {
  return mode.recording && (a._requiresGrad || b?._requiresGrad === true || c?._requiresGrad === true);
}

/** As `recording()`, for any number of tensors. @internal */
export function recordingAny(tensors: readonly AnyTensor[]): boolean {
  return mode.recording && tensors.some((tensor) => tensor._requiresGrad);
}

/** An operand, or none: a number in its place, or one that was left out. @internal */
export type MaybeTensor = AnyTensor | null;

/** Whether a gradient for an operand will be wanted. @internal */
export function wanted<T>(operand: T | Tensor<DType>): operand is Tensor<DType> {
  return (operand as Partial<AnyTensor> | null | undefined)?._requiresGrad === true;
}

interface RuleTexts {
  /** What is kept for backward. */
  readonly keeps: string;
  /** See `Rule`; false if left out. */
  readonly differentiable?: boolean;
}

/** Of a rule that reads nothing but the gradient, as that of every linear operation. @internal */
export const linear: RuleTexts = { keeps: 'nothing', differentiable: true };

/** The rule of an operation, stated beside it. @internal */
export function rule<S = undefined>(
  op: string,
  { keeps, differentiable = false }: RuleTexts,
  backward: (call: BackwardCall<S>) => Gradients,
): Rule<S> {
  return { op, keeps, differentiable, backward };
}

/** Saves of two operands, each of which the other's gradient reads. @internal */
export function crosswise(a: MaybeTensor, b: MaybeTensor): MaybeTensor[] {
  return [wanted(b) ? a : null, wanted(a) ? b : null];
}

/** Ties outputs to the node that made them. @internal */
export function attach(node: GraphNode, outputs: readonly AnyTensor[]): void {
  for (let index = 0; index < outputs.length; index++) {
    const output = outputs[index];
    output._source = new Source(node, index);
    output._requiresGrad = true;
    node.retain();
  }
}

/**
 * Records an operation; to be called only where `recording()` says so.
 *
 * @param operands Those that may have gradients, in the rule's order.
 * @param saves What the rule reads; leave out (null) what `needs` will not ask for.
 * @returns The output.
 * @internal
 */
export function record<T extends AnyTensor, S = undefined>(
  how: Rule<S>,
  operands: readonly (AnyTensor | null | undefined)[],
  output: T,
  saves: readonly (AnyTensor | null | undefined)[] = [],
  state?: S,
): T {
  attach(new GraphNode(how as Rule<unknown>, operands.map(edgeOf), 1, saves, state), [output]);
  return output;
}

/** As `record()`, for an operation with several outputs that have gradients. @internal */
export function recordAll<T extends readonly AnyTensor[], S = undefined>(
  how: Rule<S>,
  operands: readonly (AnyTensor | null | undefined)[],
  outputs: T,
  saves: readonly (AnyTensor | null | undefined)[] = [],
  state?: S,
): T {
  attach(new GraphNode(how as Rule<unknown>, operands.map(edgeOf), outputs.length, saves, state), outputs);
  return outputs;
}
