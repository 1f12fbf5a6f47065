// gemm(): C[item] = A[item] * B[item] for a list of problems of one size, with operands that pack themselves.
//
// Five loops. Around the micro-kernel: (1) items with the same A are done while its packed form is at hand, (2) blocks
// of rows of A that fit the packing budget, (3) some panels of NR columns, the unit of work for a thread, (4) blocks of
// kc steps: B's panels of kc x NR are packed into the worker's buffer, (5) a few panels of MR rows of the packed A
// against B's panels in the first caches. A is packed once, before the threads start; each element of B once per block
// of rows. Where A is large a task has several panels of columns, so that A comes from the last cache once for all of
// them.
//
// Exactness: an element of C is the sum of its kc blocks in order, each summed step by step. kc and the number of
// splits depend on the problem alone (never on threads, items or caches), and which tile computed an element does not
// show in its bits.
//
// A short and wide sum (weight gradients: few rows and columns, very many steps) is cut into splits along k, whose
// partial results go to the workspace and are added in order.
#pragma once

#include "../ops/gemm_problem.h"
#include "micro_kernel.h"

namespace receptive::RECEPTIVE_TARGET {

// An operand packs a panel: dst[k * width + j] = element (k0 + k, j0 + j) of the item's matrix for 0 <= k < kc, 0 <= j
// < count, and zero for count <= j < width. For A, j runs over rows of C; for B, over its columns.
template <class T>
struct Operand {
  const void* source;
  void (*pack)(const void* source, std::int64_t item, std::int64_t k0, std::int64_t kc, std::int64_t j0, int count,
               int width, T* dst);
};

template <class T, class Source>
RECEPTIVE_FN Operand<T> operand(const Source& source) {
  return Operand<T>{
      &source, [](const void* from, std::int64_t item, std::int64_t k0, std::int64_t kc, std::int64_t j0, int count,
                  int width, T* dst) { static_cast<const Source*>(from)->pack(item, k0, kc, j0, count, width, dst); }};
}

// Why a product is not left to a library.
RECEPTIVE_HOST_FN const char* library_refused() { return "the CPU has no library for products"; }

// Block sizes: kc so that B's panel is about the second cache's share of one thread, and the packing budget of A.
template <class T>
struct GemmBlocks {
  static constexpr std::int64_t kSteps = 1536 / static_cast<int>(sizeof(T));
  static constexpr std::int64_t kPackedBytes = std::int64_t{16} << 20;
  static constexpr std::int64_t kSplitSteps = 8 * kSteps;
  // A larger than this is read once for several panels of columns; smaller ones lose more in the second cache than they
  // gain from the last one. Measured: see native/README.md.
  static constexpr std::int64_t kResidentBytes = std::int64_t{4} << 20;
  static constexpr std::int64_t kPanels = 4;
  // Panels of columns of short sums that stay in the first cache together.
  static constexpr std::int64_t kNearBytes = std::int64_t{16} << 10;
};

// All of A in packed form, in memory that outlives the call; `ready` when an earlier call has filled it.
template <class T>
struct PackedRows {
  T* data = nullptr;  // null: packed block by block into the workspace
  bool ready = false;

  static std::int64_t bytes(std::int64_t rows, std::int64_t steps, std::int64_t a_items) {
    return a_items * round_up(rows, kTileRows) * steps * static_cast<std::int64_t>(sizeof(T));
  }
};

// What a problem's numbers make of the blocks; shared by the workspace's size and by the computation.
template <class T>
struct GemmPlan {
  std::int64_t block_rows;   // rows of A packed at a time
  std::int64_t block_items;  // different A packed at a time
  std::int64_t splits;
  std::int64_t split_steps;
  std::int64_t panels;  // of columns in a task
  std::int64_t panel_elements;
  std::int64_t strip_rows;  // of a task's rows that take its panels in turn

  // `whole`: all of A is packed elsewhere.
  RECEPTIVE_FN GemmPlan(std::int64_t rows, std::int64_t columns, std::int64_t steps, std::int64_t a_items, bool whole,
                        bool samples) {
    const std::int64_t row_bytes = max1(steps) * static_cast<std::int64_t>(sizeof(T));
    const std::int64_t fit = GemmBlocks<T>::kPackedBytes / row_bytes / kTileRows * kTileRows;
    const std::int64_t padded = round_up(rows, kTileRows);
    block_rows = fit < kTileRows ? kTileRows : fit < padded ? fit : padded;
    const std::int64_t together = GemmBlocks<T>::kPackedBytes / (row_bytes * max1(block_rows));
    block_items = together < 1 ? 1 : together < a_items ? together : a_items;
    if (whole) block_rows = padded, block_items = a_items;
    // Long sums of small results: enough pieces to feed threads, each long enough to pay for adding it up.
    splits = 1;
    const std::int64_t results = (samples ? kUsualSamples : rows) * columns * a_items;
    if (steps >= 2 * GemmBlocks<T>::kSplitSteps && results <= 16 * 1024) {
      splits = steps / GemmBlocks<T>::kSplitSteps;
      if (splits > 16) splits = 16;
    }
    split_steps = round_up((steps + splits - 1) / splits, GemmBlocks<T>::kSteps);
    splits = steps == 0 ? 1 : (steps + split_steps - 1) / split_steps;
    const std::int64_t longest = steps < GemmBlocks<T>::kSteps ? steps : GemmBlocks<T>::kSteps;
    panel_elements = panel(longest);
    // Short sums are over before memory has answered for their results: these are then written in runs, row after row.
    std::int64_t wanted =
        GemmBlocks<T>::kNearBytes / (max1(longest) * kTileColumns<T> * static_cast<std::int64_t>(sizeof(T)));
    strip_rows = kTileRows;
    if (padded > GemmBlocks<T>::kResidentBytes / row_bytes) {
      wanted = GemmBlocks<T>::kPanels;
      strip_rows = 3 * kTileRows;
    }
    const std::int64_t all = (columns + kTileColumns<T> - 1) / kTileColumns<T>;
    const std::int64_t tasks = max1((all + max1(wanted) - 1) / max1(wanted));
    panels = max1((all + tasks - 1) / tasks);
  }

  RECEPTIVE_FN std::int64_t packed_elements(std::int64_t steps) const { return block_items * block_rows * steps; }
  // A panel of B, and a vector behind it: packing may write whole vectors.
  RECEPTIVE_FN static std::int64_t panel(std::int64_t steps) { return steps * kTileColumns<T> + kLanes<T>; }
  RECEPTIVE_FN std::int64_t worker_elements() const { return panels * panel_elements; }

 private:
  static constexpr std::int64_t kUsualSamples = 64;

  RECEPTIVE_FN static std::int64_t max1(std::int64_t v) { return v < 1 ? 1 : v; }
};

template <class T>
RECEPTIVE_FN std::int64_t gemm_workspace(std::int64_t rows, std::int64_t columns, std::int64_t steps,
                                         std::int64_t items, std::int64_t a_items, int threads, bool whole = false,
                                         bool samples = false) {
  const GemmPlan<T> plan(rows, columns, steps, a_items, whole, samples);
  const std::int64_t partial = plan.splits > 1 ? items * plan.splits * rows * columns : 0;
  const std::int64_t bytes = static_cast<std::int64_t>(sizeof(T));
  return (whole ? 0 : round_up(plan.packed_elements(steps) * bytes, 64)) + threads * plan.worker_elements() * bytes +
         round_up(partial * bytes, 64);
}

template <class T, class X>
class Gemm {
 public:
  Gemm(const X& executor, const GemmProblem<T>& problem, std::byte* workspace, PackedRows<T> whole)
      : executor_(executor),
        problem_(problem),
        plan_(problem.rows, problem.columns, problem.steps, problem.a_items, whole.data != nullptr, problem.samples),
        ready_(whole.ready) {
    packed_ = whole.data;
    if (packed_ == nullptr) {
      packed_ = reinterpret_cast<T*>(workspace);
      workspace += round_up(plan_.packed_elements(problem.steps) * static_cast<std::int64_t>(sizeof(T)), 64);
    }
    panels_ = reinterpret_cast<T*>(workspace);
    partial_ = panels_ + executor.threads() * plan_.worker_elements();
    const double flops = 2.0 * static_cast<double>(problem.rows * problem.columns) *
                         static_cast<double>(problem.steps) * static_cast<double>(problem.items);
    parallel_ = flops > 1e6;
  }

  void run() const {
    for (std::int64_t first = 0; first < problem_.a_items; first += plan_.block_items) {
      const std::int64_t count = least(plan_.block_items, problem_.a_items - first);
      for (std::int64_t row = 0; row < problem_.rows; row += plan_.block_rows) {
        const std::int64_t rows = least(plan_.block_rows, problem_.rows - row);
        if (!ready_) pack_rows(first, count, row, rows);
        multiply(first, count, row, rows);
      }
    }
    if (plan_.splits > 1) add_splits();
  }

 private:
  using Blocks = GemmBlocks<T>;

  RECEPTIVE_FN static std::int64_t least(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

  // The packed block: for each A, for each kc block, the row panels one after the other.
  RECEPTIVE_FN T* packed_block(std::int64_t a, std::int64_t padded_rows, std::int64_t k0) const {
    return packed_ + a * padded_rows * problem_.steps + k0 * padded_rows;
  }

  void pack_rows(std::int64_t first, std::int64_t count, std::int64_t row, std::int64_t rows) const {
    const std::int64_t panels = (rows + kTileRows - 1) / kTileRows;
    const std::int64_t blocks = (problem_.steps + Blocks::kSteps - 1) / Blocks::kSteps;
    executor_.for_each(count * blocks, parallel_, [&](std::int64_t task, int) {
      const std::int64_t a = task / blocks, k0 = task % blocks * Blocks::kSteps;
      const std::int64_t kc = least(Blocks::kSteps, problem_.steps - k0);
      T* to = packed_block(a, panels * kTileRows, k0);
      for (std::int64_t panel = 0; panel < panels; ++panel, to += kc * kTileRows) {
        const std::int64_t from = panel * kTileRows;
        problem_.a.pack(problem_.a.source, first + a, k0, kc, row + from,
                        static_cast<int>(least(kTileRows, rows - from)), kTileRows, to);
      }
    });
  }

  void multiply(std::int64_t first, std::int64_t count, std::int64_t row, std::int64_t rows) const {
    const std::int64_t width = plan_.panels * kTileColumns<T>;
    const std::int64_t groups = (problem_.columns + width - 1) / width;  // of panels
    const std::int64_t repeat = problem_.items / problem_.a_items;       // items that share an A
    // Few tasks: the rows are divided too, each part packing B's panels again. This changes no bit of the result.
    std::int64_t parts = 1;
    const std::int64_t wanted = 3 * executor_.threads(), tasks = groups * repeat * count * plan_.splits;
    if (executor_.threads() > 1 && tasks < wanted) {
      parts = least((wanted + tasks - 1) / tasks, (rows + 4 * kTileRows - 1) / (4 * kTileRows));
    }
    const std::int64_t part_rows = round_up((rows + parts - 1) / parts, kTileRows);
    executor_.for_each(tasks * parts, parallel_, [&](std::int64_t task, int worker) {
      const std::int64_t part = task % parts;
      const std::int64_t group = task / parts % groups;
      const std::int64_t split = task / parts / groups % plan_.splits;
      const std::int64_t index = task / parts / groups / plan_.splits;
      const std::int64_t a = index % count;
      const std::int64_t begin = part * part_rows, end = least(rows, begin + part_rows);
      if (begin < end) {
        column_panels(first + a + index / count * problem_.a_items, a, split, group * width,
                      least(problem_.columns, (group + 1) * width), row, rows, begin, end, worker);
      }
    });
  }

  // Rows [begin, end) of the packed block times columns [j0, j_end), over the steps of one split.
  void column_panels(std::int64_t item, std::int64_t a, std::int64_t split, std::int64_t j0, std::int64_t j_end,
                     std::int64_t row, std::int64_t rows, std::int64_t begin, std::int64_t end, int worker) const {
    const std::int64_t padded = round_up(rows, kTileRows);
    T* buffer = panels_ + worker * plan_.worker_elements();
    const std::int64_t last = least(problem_.steps, (split + 1) * plan_.split_steps);
    // One panel takes all rows at once, several take some each in turn.
    const std::int64_t together = j_end - j0 > kTileColumns<T> ? plan_.strip_rows : end - begin;
    std::int64_t k0 = split * plan_.split_steps;
    do {  // once even for an empty sum: it writes the bias
      const std::int64_t kc = least(Blocks::kSteps, last - k0);
      const auto each_panel = [&](auto visit) RECEPTIVE_INLINE_LAMBDA {
        T* at = buffer;
        for (std::int64_t j = j0; j < j_end; j += kTileColumns<T>, at += plan_.panel_elements) {
          const int columns = static_cast<int>(least(kTileColumns<T>, j_end - j));
          visit(j, columns, (columns + kLanes<T> - 1) / kLanes<T>, at);
        }
      };
      each_panel([&](std::int64_t j, int columns, int vectors, T* panel) RECEPTIVE_INLINE_LAMBDA {
        if (kc > 0) problem_.b.pack(problem_.b.source, item, k0, kc, j, columns, vectors * kLanes<T>, panel);
      });
      for (std::int64_t i = begin; i < end; i += together) {
        each_panel([&](std::int64_t j, int columns, int vectors, const T* panel) RECEPTIVE_INLINE_LAMBDA {
          TileOut<T> out = tile(item, split, row + i, j);
          out.rows = least(together, end - i);
          out.columns = columns;
          out.add = k0 > split * plan_.split_steps || (problem_.accumulate && plan_.splits == 1);
          if (plan_.splits == 1 && k0 + Blocks::kSteps >= last) out.clamp = problem_.c.clamp;
          multiply_panels<T>(kc, packed_block(a, padded, k0) + i * kc, kc * kTileRows, panel, vectors, out);
        });
      }
      k0 += Blocks::kSteps;
    } while (k0 < last);
  }

  RECEPTIVE_FN TileOut<T> tile(std::int64_t item, std::int64_t split, std::int64_t i, std::int64_t j) const {
    const Result<T>& c = problem_.c;
    TileOut<T> out{};
    if (plan_.splits > 1) {
      out.c = partial_ + ((item * plan_.splits + split) * problem_.rows + i) * problem_.columns + j;
      out.row_stride = problem_.columns;
      return out;
    }
    const std::int64_t outer = item / c.inner_items, inner = item % c.inner_items;
    out.c = c.base + outer * c.outer_stride + inner * c.inner_stride + i * c.row_stride + j;
    out.row_stride = c.row_stride;
    if (c.row_bias != nullptr) out.row_bias = c.row_bias + inner * c.bias_stride + i;
    if (c.column_bias != nullptr) out.column_bias = c.column_bias + inner * c.bias_stride + j;
    return out;
  }

  // Adds the partial results of the splits in their order.
  struct AddSplits {
    using Element = T;
    static constexpr bool kOverlap = false;  // may add to its output
    const T* partial;
    std::int64_t splits, rows, columns;
    Result<T> c;
    bool accumulate;

    struct Row {
      const T* from;
      T* to;
      T bias;
      const T* column_bias;
    };
    RECEPTIVE_FN Row row(std::int64_t index) const {
      const std::int64_t item = index / rows, i = index % rows;
      const std::int64_t outer = item / c.inner_items, inner = item % c.inner_items;
      return Row{partial + (item * splits * rows + i) * columns,
                 c.base + outer * c.outer_stride + inner * c.inner_stride + i * c.row_stride,
                 c.row_bias != nullptr ? c.row_bias[inner * c.bias_stride + i] : T{0},
                 c.column_bias != nullptr ? c.column_bias + inner * c.bias_stride : nullptr};
    }
    template <class P>
    RECEPTIVE_FN void tile(const Row& row, std::int64_t begin, P p) const {
      auto sum = p.load(row.from + begin) + Pack<T, P::count>(row.bias);
      if (row.column_bias != nullptr) sum += p.load(row.column_bias + begin);
      if (accumulate) sum += p.load(row.to + begin);
      for (std::int64_t s = 1; s < splits; ++s) sum += p.load(row.from + s * rows * columns + begin);
      p.store(row.to + begin, c.clamp(sum));
    }
  };

  void add_splits() const {
    executor_.rows(problem_.items * problem_.rows, problem_.columns,
                   AddSplits{partial_, plan_.splits, problem_.rows, problem_.columns, problem_.c, problem_.accumulate});
  }

  const X& executor_;
  const GemmProblem<T>& problem_;
  GemmPlan<T> plan_;
  bool ready_;
  T* packed_;
  T* panels_;
  T* partial_;
  bool parallel_;
};

// The executor's primitive: rows, columns or items of 0 write nothing; steps of 0 write the bias or zeros.
template <class T, class X>
void gemm(const X& executor, const GemmProblem<T>& problem, std::byte* workspace, PackedRows<T> whole = {}) {
  if (problem.rows <= 0 || problem.columns <= 0 || problem.items <= 0) return;
  Gemm<T, X>(executor, problem, workspace, whole).run();
}

}  // namespace receptive::RECEPTIVE_TARGET
