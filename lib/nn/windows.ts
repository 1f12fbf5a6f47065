// Window options of layers, checked when the layer is made, and as what `receptiveField()` needs.
import { expectSteps, type Form } from '../ops/spatial';
import { expectTriple, parseVolumePadding, type VolumeWindowOptions } from '../ops/volumeWindow';
import { type WindowArguments, windowSettings } from '../ops/window';
import type { Taps } from './field';

type Sides = readonly [before: number, after: number] | 'same';

function taps(kernel: number, stride: number, dilation: number, padding: Sides): Taps {
  const reach = dilation * (kernel - 1) + 1;
  const before = padding === 'same' ? Math.floor(Math.max(reach - stride, 0) / 2) : padding[0];
  return { kernel, stride, dilation, before };
}

/** Windows over one or two axes. The stride of pooling is the kernel's size where it is left out. @internal */
export function planTaps(
  op: string,
  kernelSize: unknown,
  options: WindowArguments,
  form: Form,
  pooling: boolean,
): readonly Taps[] {
  const kernel = expectSteps(op, 'kernelSize', kernelSize, form);
  const settings = windowSettings(op, options, pooling ? kernel : { h: 1, w: 1 }, form);
  const { stride, dilation, vertical, horizontal } = settings;
  const w = taps(kernel.w, stride.w, dilation.w, horizontal);
  return form.axes === 1 ? [w] : [taps(kernel.h, stride.h, dilation.h, vertical), w];
}

/** Windows over three axes. @internal */
export function planVolumeTaps(op: string, kernelSize: unknown, options: VolumeWindowOptions): readonly Taps[] {
  const kernel = expectTriple(op, 'kernelSize', kernelSize, 1);
  const stride = expectTriple(op, 'stride', options.stride ?? 1, 1);
  const dilation = expectTriple(op, 'dilation', options.dilation ?? 1, 1);
  const padding = parseVolumePadding(op, options.padding);
  return kernel.map((extent, i) => taps(extent, stride[i], dilation[i], padding === 'same' ? padding : padding[i]));
}
