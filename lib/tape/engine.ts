// Walks the tape backwards. A node's number is larger than those of the nodes it depends on, so the pending node with the
// largest number has all its gradients. A gradient is disposed as soon as the node it belongs to has used it, and a node
// lets go of what it saved right then, unless the graph is retained.
import { GraphError, UnsupportedError } from '../errors';
import { add } from '../ops/binary';
import { accumulate_ } from '../ops/optim';
import { keep, tidy } from '../scope';
import { shapeText } from '../shape';
import type { AnyTensor } from '../tensor';
import { withRecording } from './mode';
import { attach, type Edge, edgeOf, type Gradients, GraphNode, type Rule, Source } from './node';

/** How a graph is walked. @internal */
export interface WalkOptions {
  readonly retainGraph: boolean;
  readonly createGraph: boolean;
}

/** Told of a leaf whose gradient is complete. @internal */
export type LeafListener = (leaf: AnyTensor) => void;

/** Gradients by where they arrived: leaves, or the edges asked for. */
type Results = Map<Edge, AnyTensor>;

/** Where to stop. */
interface Goals {
  /** Null: every leaf. */
  readonly targets: ReadonlySet<Edge> | null;
  /** The nodes from which a target is reached; all if null. */
  readonly useful: ReadonlySet<GraphNode> | null;
  /** Takes the gradient of a leaf as soon as it is complete; null: `results` has them all at the end. */
  readonly leaves: Leaves | null;
}

/** Each once. */
function leavesOf(edges: readonly Edge[]): AnyTensor[] {
  return [...new Set(edges)].filter((edge): edge is AnyTensor => edge !== null && !(edge instanceof Source));
}

/** Leaves by how many nodes, of those that are still to come, may add to their gradients. */
class Leaves {
  private readonly counts = new Map<AnyTensor, number>();

  constructor(
    root: Edge,
    private readonly complete: (leaf: AnyTensor, results: Results) => void,
  ) {
    for (const { edges } of nodesBehind(root, 0)) {
      for (const leaf of leavesOf(edges)) this.counts.set(leaf, (this.counts.get(leaf) ?? 0) + 1);
    }
  }

  /** The node that had these edges has had its turn. */
  passed(edges: readonly Edge[], results: Results): void {
    for (const leaf of leavesOf(edges)) {
      const count = (this.counts.get(leaf) as number) - 1;
      this.counts.set(leaf, count);
      if (count === 0 && results.has(leaf)) this.complete(leaf, results);
    }
  }
}

class Walk {
  /** Gradients of the outputs of nodes whose turn has not come. */
  private readonly waiting = new Map<GraphNode, (AnyTensor | null)[]>();
  /** Nodes with gradients, by ascending number. */
  private readonly queue: GraphNode[] = [];
  readonly results: Results = new Map();

  constructor(
    private readonly op: string,
    private readonly options: WalkOptions,
    private readonly goals: Goals,
  ) {}

  private passesThrough(node: GraphNode): boolean {
    return this.goals.useful === null || this.goals.useful.has(node);
  }

  needs(edge: Edge): boolean {
    if (edge === null) return false;
    return this.isTarget(edge) || (edge instanceof Source && this.passesThrough(edge.node));
  }

  private isTarget(edge: Edge): boolean {
    const { targets } = this.goals;
    return targets === null ? !(edge instanceof Source) : targets.has(edge);
  }

  /** Takes over `gradient`. */
  arrive(edge: Source | AnyTensor, gradient: AnyTensor): void {
    const passes = edge instanceof Source && this.passesThrough(edge.node);
    if (this.isTarget(edge)) {
      this.addTo(edge, passes ? withRecording(this.options.createGraph, () => alias(gradient)) : gradient);
    }
    if (!passes) return;
    let gradients = this.waiting.get(edge.node);
    if (gradients === undefined) {
      gradients = new Array<AnyTensor | null>(edge.node.outputs).fill(null);
      this.waiting.set(edge.node, gradients);
      this.enqueue(edge.node);
    }
    const before = gradients[edge.index];
    gradients[edge.index] = before === null ? gradient : sumOf(before, gradient, this.options.createGraph);
  }

  private enqueue(node: GraphNode): void {
    node.retain();
    let low = 0;
    let high = this.queue.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.queue[middle].id < node.id) low = middle + 1;
      else high = middle;
    }
    this.queue.splice(low, 0, node);
  }

  private addTo(edge: Edge, gradient: AnyTensor): void {
    const before = this.results.get(edge);
    this.results.set(edge, before === undefined ? gradient : sumOf(before, gradient, this.options.createGraph));
  }

  run(): void {
    for (let node = this.queue.pop(); node !== undefined; node = this.queue.pop()) {
      const gradients = this.waiting.get(node) as (AnyTensor | null)[];
      this.waiting.delete(node);
      try {
        this.step(node, gradients);
      } finally {
        for (const gradient of gradients) gradient?.dispose();
        node.release();
      }
    }
  }

  private step(node: GraphNode, gradients: readonly (AnyTensor | null)[]): void {
    expectUnused(this.op, node);
    const { edges } = node;
    const needs = edges.map((edge) => this.needs(edge));
    const results = differentiate(node, gradients, needs, this.options.createGraph);
    for (let i = 0; i < results.length; i++) {
      const gradient = results[i];
      if (gradient === null || gradient === undefined) continue;
      const edge = edges[i];
      if (edge === null || !needs[i]) gradient.dispose();
      else this.arrive(edge, gradient);
    }
    // Last: the nodes before this one may have no other user than it and what has just arrived at them.
    if (!this.options.retainGraph) node.free(true);
    this.goals.leaves?.passed(edges, this.results);
  }

  /** After a failure: whatever is on its way. */
  abandon(): void {
    for (const [node, gradients] of this.waiting) {
      for (const gradient of gradients) gradient?.dispose();
      node.release();
    }
    for (const gradient of this.results.values()) gradient.dispose();
  }
}

/** The sum of two gradients, which are used up: written over the first where nobody else sees its memory. */
function sumOf(a: AnyTensor, b: AnyTensor, createGraph: boolean): AnyTensor {
  const inPlace = !createGraph && !a._shared();
  if (inPlace) withRecording(false, () => accumulate_(a, b));
  const total = inPlace ? a : withRecording(createGraph, () => add(a, b));
  if (!inPlace) a.dispose();
  b.dispose();
  return total;
}

/** Another handle on the same values, as far as the tape knows an operation of its own. */
function alias(tensor: AnyTensor): AnyTensor {
  return tensor.reshape(tensor.shape);
}

function expectUnused(op: string, node: GraphNode): void {
  if (!node.freed) return;
  throw new GraphError(
    `${op}: the graph behind ${node.rule.op} was used up by an earlier backward() or gradients(), which freed what it ` +
      'saved; pass { retainGraph: true } to the earlier call',
  );
}

/** A node of which gradients of gradients are not known: it takes part in the graph, and says so when one is asked for. */
function notDifferentiable(op: string): Rule<unknown> {
  return {
    op: `grad.${op}`,
    keeps: 'nothing',
    differentiable: false,
    backward: () => {
      throw new UnsupportedError(
        `backward: the gradient of ${op} is not differentiable in this version, so a gradient of a gradient cannot pass ` +
          'through it',
      );
    },
  };
}

/** The gradients of a node's operands. */
function differentiate(
  node: GraphNode,
  gradOutputs: readonly (AnyTensor | null)[],
  needs: readonly boolean[],
  createGraph: boolean,
): Gradients {
  const how = node.rule;
  const saved = node.read();
  const gradOutput = gradOutputs.find((gradient) => gradient !== null) as AnyTensor;
  const call = { gradOutput, gradOutputs, saved, state: node.state, needs };
  const results = withRecording(createGraph && how.differentiable, () => tidy(() => how.backward(call)));
  if (createGraph && !how.differentiable) {
    const made = results.filter((one) => one !== null && one !== undefined);
    const operands = [...gradOutputs, ...saved].filter((one) => one?._requiresGrad === true);
    if (made.length > 0 && operands.length > 0) {
      attach(new GraphNode(notDifferentiable(how.op), operands.map(edgeOf), made.length, [], undefined), made);
    }
  }
  return results;
}

/** The nodes from number `first` on, behind `root`. */
function nodesBehind(root: Edge, first: number): Set<GraphNode> {
  const found = new Set<GraphNode>();
  const open: Edge[] = [root];
  for (const edge of open) {
    if (!(edge instanceof Source) || edge.node.id < first || found.has(edge.node)) continue;
    found.add(edge.node);
    open.push(...edge.node.edges);
  }
  return found;
}

/** Those of them from which a target is reached. */
function usefulNodes(root: Edge, targets: ReadonlySet<Edge>, first: number): Set<GraphNode> {
  const useful = new Set<GraphNode>();
  for (const node of [...nodesBehind(root, first)].sort((a, b) => a.id - b.id)) {
    const leads = node.edges.some((edge) => targets.has(edge) || (edge instanceof Source && useful.has(edge.node)));
    if (leads || node.freed) useful.add(node); // one that was used up says so when its turn comes
  }
  return useful;
}

function walk(op: string, root: Edge, gradient: AnyTensor, options: WalkOptions, goals: Goals): Results {
  const going = new Walk(op, options, goals);
  try {
    if (root !== null && going.needs(root)) going.arrive(root, gradient);
    else gradient.dispose();
    going.run();
    return going.results;
  } catch (error) {
    going.abandon();
    throw error;
  }
}

/** Where a walk from `tensor` starts. */
function rootOf(op: string, tensor: AnyTensor, gradient: AnyTensor): Source | AnyTensor {
  const edge = edgeOf(tensor);
  try {
    if (edge === null) {
      throw new GraphError(
        `${op}: the tensor (${tensor.dtype} ${shapeText(tensor.shape)}) does not depend on any tensor that requires grad, ` +
          'or was computed within noGrad()',
      );
    }
    if (edge instanceof Source) expectUnused(op, edge.node);
    return edge;
  } catch (error) {
    gradient.dispose();
    throw error;
  }
}

/** Adds a gradient to those that a leaf has. */
function deposit(tensor: AnyTensor, gradient: AnyTensor, createGraph: boolean): void {
  if (tensor.disposed) {
    gradient.dispose(); // nobody can ask for it
    return;
  }
  const before = tensor._grad;
  if (before === null || before.disposed) {
    // A gradient may share memory with another one (both operands of a sum): then it needs its own, to be written to.
    const own = gradient._shared() ? withRecording(createGraph, () => gradient.clone()) : gradient;
    if (own !== gradient) gradient.dispose();
    tensor._grad = keep(own);
    return;
  }
  tensor._grad = keep(sumOf(before, gradient, createGraph));
}

/**
 * Backward from `root` into the `.grad` of every leaf. Takes over `gradient`. A listener is told of each leaf when its `.grad`
 * has what this call adds, while the walk goes on; without one, leaves get all or, after a failure, nothing.
 *
 * @internal
 */
export function walkToLeaves(
  root: AnyTensor,
  gradient: AnyTensor,
  options: WalkOptions,
  listener: LeafListener | null,
): void {
  const from = rootOf('backward', root, gradient);
  const complete = (leaf: AnyTensor, found: Results): void => {
    const value = found.get(leaf) as AnyTensor;
    found.delete(leaf);
    deposit(leaf, value, options.createGraph);
    if (!leaf.disposed) listener?.(leaf);
  };
  const leaves = listener === null ? null : new Leaves(from, complete);
  const results = walk('backward', from, gradient, options, { targets: null, useful: null, leaves });
  // With a listener: those behind a node that had no turn, since no gradient came to it.
  for (const leaf of [...results.keys()]) complete(leaf as AnyTensor, results);
}

/** Backward from `root` to `targets`, which are different ones. Takes over `gradient`. @internal */
export function walkToTargets(
  root: AnyTensor,
  gradient: AnyTensor,
  targets: readonly AnyTensor[],
  options: WalkOptions,
): AnyTensor[] {
  const op = 'gradients';
  const from = rootOf(op, root, gradient);
  const edges = targets.map(edgeOf);
  const set = new Set(edges);
  const results = walk(op, from, gradient, options, { targets: set, useful: usefulNodes(from, set, 0), leaves: null });
  const missing = edges.findIndex((edge) => !results.has(edge));
  if (missing >= 0) {
    for (const value of results.values()) value.dispose();
    const { dtype, shape } = targets[missing];
    throw new GraphError(
      `${op}: tensors[${missing}] (${dtype} ${shapeText(shape)}) has no influence on the loss, or only through operations ` +
        'without a gradient',
    );
  }
  return edges.map((edge) => results.get(edge) as AnyTensor);
}

/**
 * Backward from `root` to `edges` through the nodes from number `first` on. Takes over `gradient`; null where an edge is
 * null or nothing arrives.
 *
 * @internal
 */
export function walkPiece(
  root: AnyTensor,
  gradient: AnyTensor,
  edges: readonly Edge[],
  first: number,
): (AnyTensor | null)[] {
  const from = rootOf('backward', root, gradient);
  const targets = new Set(edges.filter((edge) => edge !== null));
  const goals = { targets, useful: usefulNodes(from, targets, first), leaves: null };
  const results = walk('backward', from, gradient, { retainGraph: false, createGraph: false }, goals);
  return edges.map((edge) => results.get(edge) ?? null);
}
