import {
  chromeTrace,
  conv2d,
  crossEntropy,
  matmul,
  type Profile,
  profile,
  randn,
  relu,
  type Tensor,
  tensor,
  tidy,
  zeros,
} from 'receptive';
import { describe, expect, it } from 'vitest';
import { describeOnDevices } from './support/devices';
import { expectError, expectThrows } from './support/errors';

describeOnDevices('profile', (device) => {
  it('reports every op with its shapes, device, times and cost', async () => {
    const [x, w] = [randn([2, 3, 16, 20]), randn([4, 3, 3, 3])];
    const { result, events } = await profile(() => tidy(() => relu(conv2d(x, w, { algorithm: 'im2col' }))));
    expect(result.shape).toEqual([2, 4, 14, 18]);
    expect(events.map(({ op }) => op)).toEqual(['conv2d', 'relu']);
    const [convolution, rectifier] = events;
    expect(convolution).toMatchObject({ algorithm: 'im2col', device });
    expect(convolution.shapes).toEqual({
      inputs: [
        [2, 3, 16, 20],
        [4, 3, 3, 3],
      ],
      outputs: [[2, 4, 14, 18]],
    });
    // 2 * N * K * OH * OW * C * R * S, padded taps included.
    expect(convolution.flops).toBe(2 * 2 * 4 * 14 * 18 * 3 * 3 * 3);
    expect(rectifier.bytes).toBe(2 * 4 * (2 * 4 * 14 * 18));
    for (const { startUs, durationUs } of events) {
      expect(startUs).toBeGreaterThan(0);
      expect(durationUs).toBeGreaterThanOrEqual(0);
    }
    expect(rectifier.startUs).toBeGreaterThanOrEqual(convolution.startUs + convolution.durationUs - 1);
    for (const t of [x, w, result]) t.dispose();
  });

  it("names the algorithm that 'auto' chose", async () => {
    const [x, w] = [randn([1, 8, 16, 20]), randn([8, 8, 3, 3])];
    const { result, events } = await profile(() => conv2d(x, w));
    expect(['im2col', 'implicit', 'direct', 'winograd']).toContain(events[0].algorithm);
    for (const t of [x, w, result]) t.dispose();
  });

  it('follows its own asynchronous context', async () => {
    const a = randn([8, 8]);
    const work = async (rounds: number): Promise<Tensor> => {
      let t = matmul(a, a);
      for (let i = 1; i < rounds; i++) {
        await t.data();
        const next = matmul(t, a);
        t.dispose();
        t = next;
      }
      return t;
    };
    const outside = work(5);
    const profiles: Profile<Tensor>[] = await Promise.all([profile(() => work(3)), profile(() => work(4))]);
    expect(profiles.map(({ events }) => events.length)).toEqual([3, 4]);
    for (const { result } of profiles) result.dispose();
    (await outside).dispose();
    a.dispose();
  });

  it('rejects with the error of the function or of an op that failed', async () => {
    await expect(profile(() => Promise.reject(new Error('mine')))).rejects.toThrow('mine');
    const [logits, labels] = [zeros([1, 3]), tensor(Int32Array.of(9))];
    let loss: Tensor | undefined;
    const error: unknown = await profile(() => {
      loss = crossEntropy(logits, labels);
    }).catch((reason: unknown) => reason);
    expectError(error, 'IndexError', /crossEntropy/);
    for (const t of [logits, labels, loss]) t?.dispose();
    expectThrows(() => profile(3 as unknown as () => void), 'ReceptiveError', /profile/);
  });

  it('costs nothing afterwards: later ops are not recorded', async () => {
    const a = randn([4, 4]);
    const first = await profile(() => matmul(a, a));
    matmul(a, a).dispose();
    const second = await profile(() => matmul(a, a));
    expect([first.events.length, second.events.length]).toEqual([1, 1]);
    for (const t of [a, first.result, second.result]) t.dispose();
  });

  describe('chromeTrace', () => {
    it('is JSON that trace viewers read', async () => {
      const a = randn([4, 4]);
      const { result, events } = await profile(() => matmul(a, a));
      const trace = JSON.parse(JSON.stringify(chromeTrace(events))) as { traceEvents: Record<string, unknown>[] };
      const spans = trace.traceEvents.filter(({ ph }) => ph === 'X');
      expect(spans).toEqual([
        expect.objectContaining({ name: 'matmul', ts: events[0].startUs, dur: events[0].durationUs }),
      ]);
      a.dispose();
      result.dispose();
    });
  });
});
