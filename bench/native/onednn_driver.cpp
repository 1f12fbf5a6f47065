// oneDNN's convolution as a contender of the benchmark. Layouts are those that the library prefers, and operands are
// brought into them beforehand: only the primitive itself is timed. Threads are those of OMP_NUM_THREADS, which OpenMP
// reads when the program is loaded.
#include <unordered_map>

#include <dnnl.hpp>

#include "contender.h"

namespace {

using dnnl::memory;
using tag = memory::format_tag;

memory::dims dims_of(const std::vector<long>& numbers) { return memory::dims(numbers.begin(), numbers.end()); }

class Convolution {
 public:
  explicit Convolution(const bench::Task& task) : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
    const long n = task.number("n"), c = task.number("c"), k = task.number("k"), groups = task.number("groups");
    const auto kernel = task.numbers("kernel"), stride = task.numbers("stride"), padding = task.numbers("padding");
    const std::vector<long> size = {task.number("h"), task.number("w")};
    const auto extent = [&](size_t i) { return (size[i] + 2 * padding[i] - kernel[i]) / stride[i] + 1; };
    const memory::dims input = {n, c, size[0], size[1]}, output = {n, k, extent(0), extent(1)};
    const memory::dims weight = groups == 1 ? memory::dims{k, c, kernel[0], kernel[1]}
                                            : memory::dims{groups, k / groups, c / groups, kernel[0], kernel[1]};
    // The right padding ends where the last window does; what is beyond it no window reads.
    const auto right = [&](size_t i) { return (extent(i) - 1) * stride[i] + kernel[i] - size[i] - padding[i]; };
    const memory::dims strides = dims_of(stride), left = dims_of(padding), after = {right(0), right(1)};
    const auto any = [](const memory::dims& dims) { return memory::desc(dims, memory::data_type::f32, tag::any); };

    const dnnl::convolution_forward::desc forward_desc(dnnl::prop_kind::forward_training,
                                                       dnnl::algorithm::convolution_direct, any(input), any(weight),
                                                       any(output), strides, left, after);
    const dnnl::convolution_forward::primitive_desc forward(forward_desc, engine_);
    const auto plain = [&](const char* key, const memory::dims& dims) {
      const tag format = dims.size() == 5 ? tag::goihw : tag::nchw;
      memory made({dims, memory::data_type::f32, format}, engine_);
      std::vector<float> values = task.values(key);
      std::copy(values.begin(), values.end(), static_cast<float*>(made.get_data_handle()));
      return made;
    };
    const memory x = plain("input", input), w = plain("weight", weight), g = plain("output", output);
    const std::string& direction = task.text("direction");
    if (direction == "fwd") {
      use(forward, DNNL_ARG_SRC, x, forward.src_desc(), DNNL_ARG_WEIGHTS, w, forward.weights_desc(), DNNL_ARG_DST,
          forward.dst_desc(), output, tag::nchw);
      primitive_ = dnnl::convolution_forward(forward);
    } else if (direction == "bwd_d") {
      const dnnl::convolution_backward_data::desc desc(dnnl::algorithm::convolution_direct, any(input), any(weight),
                                                       any(output), strides, left, after);
      const dnnl::convolution_backward_data::primitive_desc chosen(desc, engine_, forward);
      use(chosen, DNNL_ARG_DIFF_DST, g, chosen.diff_dst_desc(), DNNL_ARG_WEIGHTS, w, chosen.weights_desc(),
          DNNL_ARG_DIFF_SRC, chosen.diff_src_desc(), input, tag::nchw);
      primitive_ = dnnl::convolution_backward_data(chosen);
    } else {
      const dnnl::convolution_backward_weights::desc desc(dnnl::algorithm::convolution_direct, any(input), any(weight),
                                                          any(output), strides, left, after);
      const dnnl::convolution_backward_weights::primitive_desc chosen(desc, engine_, forward);
      use(chosen, DNNL_ARG_SRC, x, chosen.src_desc(), DNNL_ARG_DIFF_DST, g, chosen.diff_dst_desc(),
          DNNL_ARG_DIFF_WEIGHTS, chosen.diff_weights_desc(), weight, weight.size() == 5 ? tag::goihw : tag::nchw);
      primitive_ = dnnl::convolution_backward_weights(chosen);
    }
    run(1);
  }

  void run(long times) {
    for (long i = 0; i < times; ++i) primitive_.execute(stream_, arguments_);
    stream_.wait();
  }

  // The result in the layout of the protocol.
  memory result() {
    memory plain(plain_result_, engine_);
    reorder(result_, plain);
    return plain;
  }

  const std::string& implementation() const { return implementation_; }
  size_t workspace_bytes() const { return workspace_bytes_; }

 private:
  void reorder(memory from, memory to) {
    dnnl::reorder(from, to).execute(stream_, from, to);
    stream_.wait();
  }

  memory in_layout(const memory& from, const memory::desc& layout) {
    if (from.get_desc() == layout) return from;
    memory to(layout, engine_);
    reorder(from, to);
    return to;
  }

  template <class PrimitiveDesc>
  void use(const PrimitiveDesc& chosen, int first, const memory& a, const memory::desc& a_layout, int second,
           const memory& b, const memory::desc& b_layout, int result, const memory::desc& layout,
           const memory::dims& dims, tag plain) {
    result_ = memory(layout, engine_);
    plain_result_ = memory::desc(dims, memory::data_type::f32, plain);
    arguments_ = {{first, in_layout(a, a_layout)}, {second, in_layout(b, b_layout)}, {result, result_}};
    implementation_ = chosen.impl_info_str();
    workspace_bytes_ = static_cast<size_t>(chosen.query_s64(dnnl::query::memory_consumption_s64));
  }

  dnnl::engine engine_;
  dnnl::stream stream_;
  dnnl::primitive primitive_;
  std::unordered_map<int, memory> arguments_;
  memory result_;
  memory::desc plain_result_;
  std::string implementation_;
  size_t workspace_bytes_ = 0;
};

}  // namespace

int main(int count, char** arguments) {
  return bench::guarded([&] {
    const bench::Task task(count, arguments);
    Convolution convolution(task);
    const dnnl_version_t* version = dnnl_version();
    const memory result = convolution.result();
    const float* values = static_cast<const float*>(result.get_data_handle());
    std::printf(
        "{\"ready\": {\"version\": \"%d.%d.%d\", \"algorithm\": \"%s\", \"workspaceBytes\": %zu, \"samples\": [",
        version->major, version->minor, version->patch, convolution.implementation().c_str(),
        convolution.workspace_bytes());
    const char* separator = "";
    for (const long index : task.numbers("samples")) {
      std::printf("%s%.9g", separator, static_cast<double>(values[index]));
      separator = ", ";
    }
    std::printf("]}}\n");
    std::fflush(stdout);
    bench::serve([&](long times) { convolution.run(times); });
  });
}
