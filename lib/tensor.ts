/// <reference lib="esnext.disposable" preserve="true" />
import type { DType, TypedArrayOf } from './dtype';
import { isFloat } from './dtype';
import { ArgumentError, DisposedError, DTypeError, ShapeError } from './errors';
import { inspectTensor } from './format';
import * as move from './move';
import { native } from './native';
import * as reading from './reading';
import { adopt, adoptLater, unwatch } from './scope';
import { sameShape, shapeText } from './shape';
import * as tape from './tape/backward';
import type { Source } from './tape/node';
import { describe } from './text';

/** Values in nested arrays, as deep as the tensor has axes. */
export type NestedArray = number | NestedArray[];

/** A tensor of any element type. */
export type AnyTensor = Tensor<DType>;

// Structured cloning would turn an instance into a bare object without a handle; a symbol is what it refuses to copy.
const local = Symbol('a Tensor belongs to the thread that made it');

/** Memory that tensors share. */
interface Storage {
  /** Tensors on it that have not been disposed; one that the garbage collector took still counts. */
  handles: number;
}

/**
 * An array of numbers of one type on one device, contiguous in row-major order. Made by `tensor()`, `zeros()` and the
 * like, and by every operation; its values change only through operations whose name ends in `_`.
 *
 * An operation returns at once and its tensor fills in the background; reading waits for it. A failure found while
 * running (a label out of range) is reported by reading the result or what depends on it, and by `synchronize()`.
 *
 * The memory is freed by `dispose()`, by the end of a `tidy()` or `using` scope, or at the latest by the garbage
 * collector. A tensor cannot be posted to another thread.
 */
export class Tensor<D extends DType = 'float32'> {
  /** Extents, outermost axis first; `[]` for a scalar. Frozen. */
  readonly shape: readonly number[];
  /** Element type. */
  readonly dtype: D;
  /** `cpu`, `cuda:0` … */
  readonly device: string;
  /** Number of elements. */
  readonly size: number;

  /** Handle; the slot is -1 after disposal. @internal */
  _slot: number;
  /** @internal */
  readonly _generation: number;
  /** Device number. @internal */
  readonly _device: number;
  /** Equal for views of the same memory. @internal */
  readonly _storage: Storage;
  /** First element within the storage. @internal */
  readonly _offset: number;
  /** Whether the garbage collector's notice is registered. @internal */
  _watched = false;
  /** Also true of what was recorded. @internal */
  _requiresGrad = false;
  /** The recorded operation that made the tensor; null: none, a leaf. @internal */
  _source: Source | null = null;
  /** How often the tape has saved the tensor. @internal */
  _saves = 0;
  /** Has the handle after dispose(), while the tape needs it. @internal */
  _standIn: AnyTensor | undefined = undefined;
  /** A stand-in is no user of the node that made its tensor, which may be the one that saved it. @internal */
  _isStandIn = false;
  /** @internal */
  _grad: Tensor<D> | null = null;
  /** @internal */
  readonly _local = local;
  /** What makes an object a tensor, beyond its prototype. */
  readonly #made = true;

  private constructor(
    slot: number,
    generation: number,
    shape: readonly number[],
    size: number,
    dtype: D,
    deviceNumber: number,
    device: string,
    storage: Storage,
    offset: number,
  ) {
    if (slot === undefined) throw new ArgumentError('new Tensor(): use tensor(), zeros() or another function');
    this.shape = shape;
    this.dtype = dtype;
    this.device = device;
    this.size = size;
    this._slot = slot;
    this._generation = generation;
    this._device = deviceNumber;
    this._storage = storage;
    this._offset = offset;
  }

  /** True for tensors that this library made; an object that only inherits from `Tensor.prototype` is none. */
  static [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && #made in value;
  }

  /** A tensor for a new handle on new memory. Takes `shape`, which must be frozen. @internal */
  static _wrap<E extends DType>(
    slot: number,
    generation: number,
    shape: readonly number[],
    size: number,
    dtype: E,
    deviceNumber: number,
    device: string,
  ): Tensor<E> {
    const tensor = new Tensor(slot, generation, shape, size, dtype, deviceNumber, device, { handles: 1 }, 0);
    adopt(tensor);
    return tensor;
  }

  /** A tensor for a new handle on memory that this one has too. @internal */
  _view(slot: number, generation: number, shape: readonly number[], size: number, offset: number): Tensor<D> {
    const { dtype, device, _device, _storage, _offset } = this;
    const tensor = new Tensor(slot, generation, shape, size, dtype, _device, device, _storage, _offset + offset);
    _storage.handles++;
    adopt(tensor);
    return tensor;
  }

  /** @throws DisposedError naming the method. @internal */
  _expectAlive(method: string): void {
    if (!(this._slot >= 0)) {
      if (!(this instanceof Tensor)) throw new ArgumentError(`${method}: must be called on a Tensor`);
      throw new DisposedError(`${method}: the tensor (${this.dtype} ${shapeText(this.shape)}) has been disposed`);
    }
  }

  /** Whether another tensor, or the tape, sees this memory. @internal */
  _shared(): boolean {
    return this._storage.handles > 1;
  }

  /**
   * Whether gradients with respect to this tensor are wanted: set it on a tensor (a leaf) that an operation did not make,
   * and operations on it are recorded, so that what they return requires gradients too. Only float tensors can have it.
   *
   * @throws DTypeError when set to true on another type; ArgumentError when set to false on a recorded result (`detach()`
   *   gives one without).
   */
  get requiresGrad(): boolean {
    return this._requiresGrad;
  }

  set requiresGrad(value: boolean) {
    if (typeof value !== 'boolean') {
      throw new ArgumentError(`requiresGrad: must be true or false, given ${describe(value)}`);
    }
    if (value && !isFloat(this.dtype)) {
      throw new DTypeError(`requiresGrad: only float32 and float64 tensors have gradients, this one is ${this.dtype}`);
    }
    if (!value && this._source !== null) {
      throw new ArgumentError(
        `requiresGrad: the tensor was made by ${this._source.node.rule.op} of tensors that require grad; detach() gives ` +
          'one that does not',
      );
    }
    this._requiresGrad = value;
  }

  /** A gradient with this tensor's shape and type, or null. */
  get grad(): Tensor<D> | null {
    return this._grad;
  }

  set grad(value: Tensor<D> | null) {
    if (value !== null && !(value instanceof Tensor)) {
      throw new ArgumentError(`grad: must be a Tensor or null, given ${describe(value)}`);
    }
    if (value !== null && value.dtype !== this.dtype) {
      throw new DTypeError(`grad: must be ${this.dtype} like the tensor, given ${value.dtype}`);
    }
    if (value !== null && !sameShape(value.shape, this.shape)) {
      throw new ShapeError(
        `grad: must have the tensor's shape ${shapeText(this.shape)}, given ${shapeText(value.shape)}`,
      );
    }
    this._grad = value;
  }

  /**
   * The values in row-major order, as of this call; the promise settles when the device has got there. bool gives a
   * Uint8Array of 0 and 1.
   *
   * @returns A new typed array; it rejects with the error of the operation that made the values, if that failed.
   * @throws DisposedError, OutOfMemoryError at the call.
   */
  data(): Promise<TypedArrayOf<D>> {
    return reading.data(this);
  }

  /** As `data()`, but blocks the thread until the values are there. */
  dataSync(): TypedArrayOf<D> {
    return reading.dataSync(this);
  }

  /**
   * The only element of a tensor of size 1, as a number (bool: 0 or 1). Blocks the thread until it is there.
   *
   * @throws ShapeError when the size is not 1; DisposedError.
   */
  item(): number {
    return reading.item(this);
  }

  /**
   * The values in nested arrays, as deep as the tensor has axes; a number for a scalar. bool reads as 0 and 1.
   *
   * @throws OutOfMemoryError when the arrays would not fit into JavaScript's heap.
   */
  toArray(): Promise<NestedArray> {
    return reading.toArray(this);
  }

  /**
   * Writes the values as of this call into `target`, without making a new array for each read.
   *
   * @param target A typed array of the tensor's type (Uint8Array for bool) with exactly `size` elements.
   * @returns Settles when `target` is written; rejects with ArgumentError if `target` was detached or resized meanwhile.
   * @throws ArgumentError, DTypeError, ShapeError, DisposedError at the call.
   */
  readInto(target: TypedArrayOf<D>): Promise<void> {
    return reading.readInto(this, target);
  }

  /**
   * The tensor on another device. On the same device a new handle on the same memory; otherwise a copy, for which the
   * thread waits.
   *
   * @throws DeviceError when the device is unknown or not available.
   */
  to(device: string): Tensor<D> {
    return move.to(this, device);
  }

  /**
   * A new tensor with the values converted. Floats become integers by truncation and saturate, NaN becomes 0; integers
   * wrap; all but 0 becomes true.
   *
   * @throws DTypeError for an unknown type.
   */
  cast<E extends DType>(dtype: E): Tensor<E> {
    return move.cast(this, dtype);
  }

  /**
   * The same elements under another shape; shares memory.
   *
   * @param shape Extents; one of them may be -1 and follows from the size.
   * @throws ShapeError when the sizes differ or the -1 cannot be determined.
   */
  reshape(shape: readonly number[]): Tensor<D> {
    return move.reshape(this, shape);
  }

  /**
   * Elements `begin` to `end - 1` of the first axis; shares memory.
   *
   * @param begin Negative counts from the end.
   * @param end Negative counts from the end; the axis' extent if left out.
   * @throws ShapeError when the tensor is a scalar or 0 <= begin <= end <= extent does not hold.
   */
  slice(begin: number, end?: number): Tensor<D> {
    return move.slice(this, begin, end);
  }

  /** A copy with memory of its own. */
  clone(): Tensor<D> {
    return move.clone(this);
  }

  /** A new handle on the same memory that does not require gradients. */
  detach(): Tensor<D> {
    return move.detach(this);
  }

  /**
   * Overwrites the values, seen by every tensor that shares this memory.
   *
   * @param from A tensor of the same shape, dtype and device.
   * @returns This tensor.
   * @throws ShapeError, DTypeError, DeviceError, DisposedError.
   */
  copy_(from: Tensor<D>): this {
    move.copyInto(this, from);
    return this;
  }

  /**
   * Adds the gradients of this tensor by all leaves that it depends on and that require grad to their `grad`, and frees the
   * graph behind it. The gradients live until `dispose()`, beyond every `tidy()`; a leaf that was disposed gets none.
   *
   * @param gradient Gradient of this tensor, same shape, dtype and device; 1 if left out, for a tensor of one element.
   * @param options `retainGraph`, `onGradient`: see `BackwardOptions`.
   * @throws GraphError when the tensor depends on none that requires grad, when the graph was freed by an earlier call, or
   *   when something saved for it was written in place since; ShapeError without gradient for more than one element; and
   *   as the operations' gradients do.
   */
  backward(gradient?: Tensor<D>, options?: tape.BackwardOptions): void {
    tape.backward(this as AnyTensor, gradient as AnyTensor | undefined, options);
  }

  /** Gives up this handle. Memory goes when no view, no queued work and no tape uses it. May be called again. */
  dispose(): void {
    if (this._slot < 0) return;
    // The node that made it may be let go now, and with it what the node saved: perhaps this tensor.
    if (!this._isStandIn) this._source?.node.release();
    const slot = this._slot;
    this._slot = -1;
    if (this._watched) unwatch(this);
    if (this._saves > 0) {
      this._standIn = this._handOver(slot);
      return;
    }
    this._storage.handles--;
    native.release(slot, this._generation);
  }

  /** A tensor with this one's handle, for the tape. */
  private _handOver(slot: number): AnyTensor {
    const { _generation, shape, size, dtype, _device, device, _storage, _offset } = this;
    const standIn = new Tensor<DType>(slot, _generation, shape, size, dtype, _device, device, _storage, _offset);
    standIn._requiresGrad = this._requiresGrad;
    standIn._source = this._source;
    standIn._isStandIn = true;
    adoptLater(standIn);
    return standIn;
  }

  /** `using t = …` disposes at the end of the block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Whether `dispose()` was called, by hand or by a scope. */
  get disposed(): boolean {
    return this._slot < 0;
  }

  /** Type, shape and device, without values. */
  toString(): string {
    if (!(this instanceof Tensor)) return '[object Tensor]'; // the prototype itself, for one
    return `Tensor(${this.dtype} ${shapeText(this.shape)} on ${this.device})`;
  }

  /** What log records need: a description, without values (they would block, and lose NaN and infinities). */
  toJSON(): { dtype: D; shape: readonly number[]; device: string } {
    return { dtype: this.dtype, shape: this.shape, device: this.device };
  }

  /** What console.log shows. @internal */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return inspectTensor(this);
  }
}
