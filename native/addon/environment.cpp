#include "environment.h"

#include <cmath>

#include "call_reader.h"

namespace receptive {

namespace {

// V8 is told of our memory in steps: telling it costs more than a small op.
constexpr std::int64_t kReportStep = std::int64_t{1} << 20;

// Whether a typed array's elements are of the dtype.
bool matches(napi_typedarray_type type, DType dtype) {
  switch (dtype) {
    case DType::float32:
      return type == napi_float32_array;
    case DType::float64:
      return type == napi_float64_array;
    case DType::int32:
      return type == napi_int32_array;
    case DType::uint8:
    case DType::boolean:
      return type == napi_uint8_array || type == napi_uint8_clamped_array;
  }
  return false;
}

}  // namespace

template <class T>
Environment::Shared<T>::Shared(napi_env env, napi_typedarray_type type, std::size_t count) {
  void* data = nullptr;
  napi_value buffer = nullptr;
  napi_value array = nullptr;
  if (napi_create_arraybuffer(env, count * sizeof(T), &data, &buffer) != napi_ok ||
      napi_create_typedarray(env, type, count, buffer, 0, &array) != napi_ok) {
    throw Error(ErrorCode::memory, "receptive: V8 has no memory for the call buffer");
  }
  data_ = static_cast<T*>(data);
  reference_ = Napi::Persistent(Napi::Object(env, array));
}

Environment::Environment(Napi::Env env)
    : env_(env),
      runtime_(Runtime::acquire()),
      waiting_(env, errors_),
      devices_(runtime_->device_count()),
      words_(env, napi_uint32_array, kCallWords),
      numbers_(env, napi_float64_array, kCallNumbers) {}

Environment::~Environment() {
  stop();
  waiting_.clear();
  handles_.for_each([this](HandleId, Handle& handle) {
    if (--handle.block->references == 0) devices_[handle.device].stream->give(handle.block);
  });
}

// In this order: the communicator's thread waits for the streams, and must not take what they leave for results.
void Environment::stop() noexcept {
  if (communicator_ != nullptr) communicator_->abandon();
  for (auto& device : devices_) {
    if (device.stream != nullptr) device.stream->cancel();
  }
  communicator_.reset();
  waiting_.stop();
}

Device& Environment::device(std::uint32_t number) {
  if (number >= runtime_->device_count()) throw Error(ErrorCode::device, text_of("there is no device number ", number));
  return runtime_->device(number);
}

Stream& Environment::stream(std::uint32_t number) {
  Device& owner = device(number);
  auto& made = devices_[number].stream;
  if (made == nullptr) made = owner.create_stream(number, waiting_, profile_);
  return *made;
}

void Environment::empty_cache(std::uint32_t number) {
  Device& owner = device(number);
  if (devices_[number].stream != nullptr) devices_[number].stream->drop_packed();
  owner.allocator().empty_cache();
}

Handle& Environment::expect(HandleId id, const char* function) {
  Handle* handle = handles_.find(id);
  if (handle == nullptr) throw Error(ErrorCode::disposed, text_of(function, ": the tensor was disposed"));
  return *handle;
}

void Environment::expect_at_rest(const Block& block, const char* function, const char* role, const std::string& which) {
  if (!block.inTransit) return;
  throw Error(ErrorCode::argument,
              text_of(function, ": ", role, which,
                      " is in the hands of a collective operation; await the promise of that first"));
}

// Room in the handle table has been made, so that this cannot fail after memory was taken.
void Environment::add_handle(std::uint32_t word, const View& view, Block* block, std::uint32_t device) {
  const HandleId id = handles_.add(view, block, device);
  words_.data()[word] = id.slot;
  words_.data()[word + 1] = id.generation;
  ++devices_[device].tensors;
}

void Environment::report_memory() {
  const std::int64_t change = memory_ - memoryReported_;
  if (change < kReportStep && change > -kReportStep) return;
  std::int64_t total = 0;
  if (napi_adjust_external_memory(env_, change, &total) == napi_ok) memoryReported_ = memory_;
}

void Environment::create(napi_value values) {
  const std::uint32_t number = words_.data()[0];
  Stream& target = stream(number);
  const DType dtype = read_dtype("create", words_.data()[1]);
  CallReader reader("create", numbers_.data());
  View view = reader.shape(dtype);

  napi_typedarray_type type{};
  std::size_t length = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(env_, values, &type, &length, &data, nullptr, nullptr) != napi_ok ||
      !matches(type, dtype)) {
    throw Error(ErrorCode::argument, "create: the values must be a typed array of the dtype");
  }
  if (static_cast<std::int64_t>(length) != view.size) {
    throw Error(ErrorCode::argument,
                text_of("create: the shape has ", view.size, " elements, the typed array ", length));
  }
  handles_.reserve(1);
  Block* block = target.upload(data, view_bytes(view), dtype);
  view.data = view.size > 0 ? block->data : nullptr;
  add_handle(0, view, block, number);
  memory_ += block->bytes;
  report_memory();
}

void Environment::view() {
  const Handle& source = expect({words_.data()[0], words_.data()[1]}, "view");
  CallReader reader("view", numbers_.data());
  const std::int64_t offset = reader.integer("offset");
  View view = reader.shape(source.view.dtype);
  if (offset < 0 || offset > source.view.size || view.size > source.view.size - offset) {
    throw Error(ErrorCode::argument, text_of("view: ", view.size, " elements from ", offset, " on are not within the ",
                                             source.view.size, " of the tensor"));
  }
  if (view.size > 0) view.data = static_cast<std::byte*>(source.view.data) + offset * element_bytes(view.dtype);
  Block* block = source.block;
  const std::uint32_t device = source.device;
  handles_.reserve(1);
  ++block->references;
  add_handle(0, view, block, device);
}

void Environment::release(HandleId id) {
  Handle* handle = handles_.find(id);
  if (handle == nullptr) return;
  Block* block = handle->block;
  const std::uint32_t number = handle->device;
  handles_.remove(id);
  --devices_[number].tensors;
  unreference(block, number);
}

void Environment::unreference(Block* block, std::uint32_t device) {
  if (--block->references > 0) return;
  memory_ -= block->bytes;
  devices_[device].stream->give(block);
  report_memory();
}

std::uint64_t Environment::version(HandleId id) { return expect(id, "version").block->version; }

void* Environment::expect_buffer(const Handle& handle, napi_value buffer, const char* function) const {
  void* data = nullptr;
  std::size_t length = 0;
  bool isBuffer = false;
  napi_is_arraybuffer(env_, buffer, &isBuffer);
  if (!isBuffer || napi_get_arraybuffer_info(env_, buffer, &data, &length) != napi_ok) {
    throw Error(ErrorCode::argument, text_of(function, ": the target must be an ArrayBuffer"));
  }
  const std::int64_t bytes = view_bytes(handle.view);
  if (static_cast<std::int64_t>(length) != bytes) {
    throw Error(ErrorCode::argument, text_of(function, ": the target must have ", bytes, " bytes, it has ", length));
  }
  return data;
}

napi_value Environment::read(HandleId id, napi_value buffer) {
  const Handle& handle = expect(id, "read");
  expect_at_rest(*handle.block, "read", "the tensor", "");
  void* target = expect_buffer(handle, buffer, "read");
  Stream& source = stream(handle.device);
  return waiting_.promise(buffer, [&](Completion* completion) {
    return source.read(handle.view, handle.block, target, view_bytes(handle.view), completion);
  });
}

void Environment::read_now(HandleId id, napi_value buffer) {
  const Handle& handle = expect(id, "readSync");
  expect_at_rest(*handle.block, "readSync", "the tensor", "");
  void* target = expect_buffer(handle, buffer, "readSync");
  const FailurePointer failure =
      stream(handle.device).read_now(handle.view, handle.block, target, view_bytes(handle.view));
  if (failure != nullptr) throw Error(failure->code, failure->message);
}

napi_value Environment::synchronize(std::uint32_t device) {
  Stream& source = stream(device);
  return waiting_.promise(nullptr, [&](Completion* completion) { return source.fence(completion); });
}

void Environment::synchronize_now(std::uint32_t device) {
  const FailurePointer failure = stream(device).fence_now();
  if (failure != nullptr) throw Error(failure->code, failure->message);
}

}  // namespace receptive
