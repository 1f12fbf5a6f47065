// Runs the op in the call buffer. The hot path: no allocation by the C++ library, no Node-API call.
#include <algorithm>
#include <cstring>

#include "call_reader.h"
#include "environment.h"

namespace receptive {

void Environment::dispatch() {
  const std::uint32_t* words = words_.data();
  const std::uint32_t device = words[1];
  Stream& target = stream(device);
  const OpSet& ops = runtime_->device(device).ops();
  if (words[0] >= ops.count()) throw Error(ErrorCode::general, text_of("dispatch: there is no op number ", words[0]));
  const OpInfo& op = ops.at(words[0]);
  const OpEntry& entry = *op.entry;
  task_.op = &op;
  task_.number = words[0];
  task_.token = words[4];
  read_inputs(entry, device);
  read_attributes(op, read_outputs(entry, device));
  if (const char* misfit = entry.check(task_.call)) throw Error(ErrorCode::argument, text_of(entry.name, ": ", misfit));
  try {
    run_call(target, device);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::memory) throw;
    throw Error(error.code(), text_of(entry.name, ": ", error.message()));
  }
}

// The bytes that a call would take, by its attributes and element type alone; runs nothing.
void Environment::needs() {
  const std::uint32_t* words = words_.data();
  const Device& target = device(words[1]);
  if (words[0] >= target.ops().count())
    throw Error(ErrorCode::general, text_of("needs: there is no op number ", words[0]));
  const OpInfo& op = target.ops().at(words[0]);
  const OpEntry& entry = *op.entry;
  if (entry.needs == nullptr) throw Error(ErrorCode::general, text_of(entry.name, ": does not tell its needs"));
  const DType dtype = read_dtype(entry.name, words[2]);
  task_.call.inputCount = entry.minInputs;
  task_.call.outputCount = entry.outputCount;
  for (std::int32_t i = 0; i < entry.minInputs; ++i) task_.call.inputs[i] = View{nullptr, 0, dtype, 0, {}};
  for (std::int32_t i = 0; i < entry.outputCount; ++i) task_.call.outputs[i] = View{nullptr, 0, dtype, 0, {}};
  read_attributes(op, 0);
  OpNeeds needs{};
  if (const char* misfit = entry.needs(task_.call, std::max(target.threads(), 1), needs)) {
    throw Error(ErrorCode::argument, text_of(entry.name, ": ", misfit));
  }
  numbers_.data()[0] = static_cast<double>(needs.workspaceBytes);
  numbers_.data()[1] = static_cast<double>(needs.packedBytes);
}

void Environment::read_inputs(const OpEntry& op, std::uint32_t device) {
  const std::uint32_t* words = words_.data();
  const auto count = static_cast<std::int32_t>(words[2]);
  if (count < op.minInputs || count > op.maxInputs) {
    throw Error(ErrorCode::general,
                text_of(op.name, ": takes ", op.minInputs, " to ", op.maxInputs, " inputs, given ", words[2]));
  }
  task_.call.inputCount = count;
  for (std::int32_t i = 0; i < count; ++i) {
    const std::uint32_t* id = words + kHeaderWords + 2 * i;
    const Handle* handle = handles_.find({id[0], id[1]});
    if (handle == nullptr) throw Error(ErrorCode::disposed, text_of(op.name, ": input ", i, " was disposed"));
    if (handle->device != device) {
      throw Error(ErrorCode::device,
                  text_of(op.name, ": input ", i, " is on ", runtime_->device(handle->device).info().id,
                          ", the op runs on ", runtime_->device(device).info().id));
    }
    if (handle->block->inTransit) expect_at_rest(*handle->block, op.name, "input ", std::to_string(i));
    task_.inputs[i] = handle->block;
    task_.call.inputs[i] = handle->view;
  }
}

// Returns the position of the attributes in the call's numbers.
std::uint32_t Environment::read_outputs(const OpEntry& op, std::uint32_t device) {
  const std::uint32_t* words = words_.data();
  if (words[3] != static_cast<std::uint32_t>(op.outputCount)) {
    throw Error(ErrorCode::general, text_of(op.name, ": has ", op.outputCount, " outputs, given ", words[3]));
  }
  const std::uint32_t* ids = words + kHeaderWords + 2 * task_.call.inputCount;
  CallReader reader(op.name, numbers_.data());
  task_.call.outputCount = op.outputCount;
  task_.freshOutputs = 0;
  for (std::int32_t i = 0; i < op.outputCount; ++i) {
    const std::uint32_t* id = ids + 2 * i;
    if (id[0] == kNewOutput) {
      task_.freshOutputs |= 1u << i;
      task_.outputs[i] = nullptr;
      task_.call.outputs[i] = reader.shape(read_dtype(op.name, id[1]));
      continue;
    }
    const Handle* handle = handles_.find({id[0], id[1]});
    if (handle == nullptr) throw Error(ErrorCode::disposed, text_of(op.name, ": output ", i, " was disposed"));
    if (handle->device != device)
      throw Error(ErrorCode::device, text_of(op.name, ": output ", i, " is on another device"));
    if (handle->block->inTransit) expect_at_rest(*handle->block, op.name, "output ", std::to_string(i));
    task_.outputs[i] = handle->block;
    task_.call.outputs[i] = handle->view;
  }
  return reader.position(numbers_.data());
}

void Environment::read_attributes(const OpInfo& op, std::uint32_t at) {
  if (op.attrBytes == 0) return;
  const OpEntry& entry = *op.entry;
  CallReader reader(entry.name, numbers_.data() + at);
  std::byte* attrs = task_.call.attrs;
  std::memset(attrs, 0, static_cast<std::size_t>(op.attrBytes));
  for (std::int32_t f = 0; f < entry.fieldCount; ++f) {
    const Field& field = entry.fields[f];
    std::byte* to = attrs + field.offset;
    for (std::int32_t i = 0; i < field.count; ++i) {
      switch (field.kind) {
        case Field::Kind::integer:
          reinterpret_cast<std::int64_t*>(to)[i] = reader.integer(field.name);
          break;
        case Field::Kind::real:
          reinterpret_cast<double*>(to)[i] = reader.real();
          break;
        case Field::Kind::flag:
          reinterpret_cast<bool*>(to)[i] = reader.flag(field.name);
          break;
      }
    }
  }
}

// Memory for new outputs, the call, then their handles. When anything fails nothing has happened.
void Environment::run_call(Stream& target, std::uint32_t device) {
  OpCall& call = task_.call;
  struct Undo {
    Environment& environment;
    Stream& stream;
    bool armed = true;
    ~Undo() {
      OpTask& task = environment.task_;
      for (std::int32_t i = 0; armed && i < task.call.outputCount; ++i) {
        if ((task.freshOutputs >> i & 1) != 0 && task.outputs[i] != nullptr) stream.give(task.outputs[i]);
      }
    }
  } undo{*this, target};
  handles_.reserve(static_cast<std::size_t>(call.outputCount));
  for (std::int32_t i = 0; i < call.outputCount; ++i) {
    if ((task_.freshOutputs >> i & 1) == 0) continue;
    View& view = call.outputs[i];
    task_.outputs[i] = target.take(view_bytes(view));
    if (view.size > 0) view.data = task_.outputs[i]->data;
  }
  target.submit(task_);
  undo.armed = false;

  for (std::int32_t i = 0; i < call.outputCount; ++i) {
    Block* block = task_.outputs[i];
    if ((task_.freshOutputs >> i & 1) == 0) {
      target.written(*block);
      continue;
    }
    memory_ += block->bytes;
    add_handle(static_cast<std::uint32_t>(kHeaderWords + 2 * (call.inputCount + i)), call.outputs[i], block, device);
  }
  report_memory();
}

}  // namespace receptive
