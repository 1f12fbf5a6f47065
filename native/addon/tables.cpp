#include "tables.h"

#include <utility>

#include "call_reader.h"
#include "functions.h"

namespace receptive {

namespace {

Napi::Value dtype_table(Napi::Env env) {
  Napi::Array table = Napi::Array::New(env);
  const auto add = [&](const char* name, std::size_t bytes) {
    Napi::Object row = Napi::Object::New(env);
    row["name"] = name;
    row["bytes"] = static_cast<double>(bytes);
    table[table.Length()] = row;
  };
#define RECEPTIVE_ROW(name, type) add(#name, sizeof(type));
  RECEPTIVE_DTYPES(RECEPTIVE_ROW)
#undef RECEPTIVE_ROW
  return table;
}

const char* kind_text(Field::Kind kind) {
  switch (kind) {
    case Field::Kind::integer:
      return "integer";
    case Field::Kind::real:
      return "real";
    case Field::Kind::flag:
      return "flag";
  }
  return "";
}

Napi::Value attribute_table(Napi::Env env, const OpEntry& op) {
  Napi::Array table = Napi::Array::New(env, static_cast<std::size_t>(op.fieldCount));
  for (std::int32_t i = 0; i < op.fieldCount; ++i) {
    Napi::Object row = Napi::Object::New(env);
    row["name"] = op.fields[i].name;
    row["kind"] = kind_text(op.fields[i].kind);
    row["count"] = op.fields[i].count;
    table[static_cast<std::uint32_t>(i)] = row;
  }
  return table;
}

Napi::Value op_table(Napi::Env env, const OpSet& ops) {
  Napi::Array table = Napi::Array::New(env, ops.count());
  for (std::uint32_t i = 0; i < ops.count(); ++i) {
    const OpEntry& op = *ops.at(i).entry;
    Napi::Object row = Napi::Object::New(env);
    row["name"] = op.name;
    row["minInputs"] = op.minInputs;
    row["maxInputs"] = op.maxInputs;
    row["outputs"] = op.outputCount;
    row["attrs"] = attribute_table(env, op);
    table[i] = row;
  }
  return table;
}

Napi::Value device_table(Napi::Env env, Environment& environment) {
  Runtime& runtime = environment.runtime();
  Napi::Array table = Napi::Array::New(env, runtime.device_count());
  for (std::uint32_t i = 0; i < runtime.device_count(); ++i) {
    const Device& device = runtime.device(i);
    const DeviceInfo& info = device.info();
    Napi::Array targets = Napi::Array::New(env, info.targets.size());
    for (std::uint32_t t = 0; t < info.targets.size(); ++t) targets[t] = info.targets[t];
    Napi::Object row = Napi::Object::New(env);
    row["id"] = info.id;
    row["kind"] = info.kind;
    row["name"] = info.name;
    row["target"] = info.target;
    row["targets"] = targets;
    row["threads"] = device.threads();
    row["memory"] = static_cast<double>(info.memory);
    row["available"] = Napi::Boolean::New(env, info.available);
    row["reason"] = info.available ? env.Null() : Napi::String::New(env, info.reason);
    table[i] = row;
  }
  return table;
}

Napi::Value library_table(Napi::Env env, const std::vector<LibraryInfo>& libraries) {
  Napi::Array table = Napi::Array::New(env, libraries.size());
  const auto text = [env](const std::string& value) {
    return value.empty() ? env.Null() : Napi::String::New(env, value);
  };
  for (std::uint32_t i = 0; i < libraries.size(); ++i) {
    const LibraryInfo& library = libraries[i];
    Napi::Object row = Napi::Object::New(env);
    row["name"] = library.name;
    row["version"] = text(library.version);
    row["path"] = text(library.path);
    row["reason"] = text(library.reason);
    table[i] = row;
  }
  return table;
}

Napi::Value event_table(Napi::Env env, const std::vector<ProfileEvent>& events) {
  Napi::Array table = Napi::Array::New(env, events.size());
  for (std::uint32_t i = 0; i < events.size(); ++i) {
    const ProfileEvent& event = events[i];
    Napi::Object row = Napi::Object::New(env);
    row["op"] = event.op;
    row["device"] = event.device;
    row["startUs"] = event.startUs;
    row["durationUs"] = event.durationUs;
    row["flops"] = event.flops;
    row["bytes"] = event.bytes;
    row["inline"] = Napi::Boolean::New(env, event.isInline);
    table[i] = row;
  }
  return table;
}

Device& device_argument(const Napi::CallbackInfo& info, Environment& environment) {
  return environment.device(static_cast<std::uint32_t>(integer_argument(info, 0, "device", 0, 0xffffffffu)));
}

Napi::Value memory_stats(const Napi::CallbackInfo& info, Environment& environment) {
  const MemoryStats stats = device_argument(info, environment).allocator().stats();
  const auto number = info[0].As<Napi::Number>().Uint32Value();
  Napi::Object row = Napi::Object::New(info.Env());
  row["allocatedBytes"] = static_cast<double>(stats.allocated);
  row["reservedBytes"] = static_cast<double>(stats.reserved);
  row["peakBytes"] = static_cast<double>(stats.peak);
  row["limitBytes"] = static_cast<double>(stats.limit);
  row["tensors"] = static_cast<double>(environment.live_tensors(number));
  return row;
}

}  // namespace

void export_tables(Napi::Env env, Napi::Object exports, Environment& environment) {
  exports.Set("dtypes", dtype_table(env));
  exports.Set("ops", op_table(env, environment.runtime().cpu().ops()));
  const auto function = [&](const char* name, auto body) { define(env, exports, environment, name, body); };

  function("devices", [](const Napi::CallbackInfo& info, Environment& e) { return device_table(info.Env(), e); });
  function("libraries", [](const Napi::CallbackInfo& info, Environment& e) {
    return library_table(info.Env(), device_argument(info, e).libraries());
  });
  function("memoryStats", [](const Napi::CallbackInfo& info, Environment& e) { return memory_stats(info, e); });
  function("setMemoryLimit", [](const Napi::CallbackInfo& info, Environment& e) {
    device_argument(info, e).allocator().set_limit(integer_argument(info, 1, "setMemoryLimit: bytes", 0, kMaxInteger));
    return info.Env().Undefined();
  });
  function("needs", [](const Napi::CallbackInfo& info, Environment& e) {
    e.needs();
    return info.Env().Undefined();
  });
  function("emptyCache", [](const Napi::CallbackInfo& info, Environment& e) {
    e.empty_cache(static_cast<std::uint32_t>(integer_argument(info, 0, "device", 0, 0xffffffffu)));
    return info.Env().Undefined();
  });
  function("resetPeakMemory", [](const Napi::CallbackInfo& info, Environment& e) {
    device_argument(info, e).allocator().reset_peak();
    return info.Env().Undefined();
  });
  function("getNumThreads", [](const Napi::CallbackInfo& info, Environment& e) {
    return Napi::Number::New(info.Env(), e.runtime().cpu().threads());
  });
  function("setNumThreads", [](const Napi::CallbackInfo& info, Environment& e) {
    e.runtime().cpu().set_threads(static_cast<int>(integer_argument(info, 0, "setNumThreads: n", 1, kMaxThreads)));
    return info.Env().Undefined();
  });
  function("takeEvents", [](const Napi::CallbackInfo& info, Environment& e) {
    const auto token = static_cast<std::uint32_t>(integer_argument(info, 0, "takeEvents: token", 1, 0xffffffffu));
    return event_table(info.Env(), e.profile().take(token));
  });
  function("setErrorClasses", [](const Napi::CallbackInfo& info, Environment& e) {
    if (!info[0].IsObject()) throw Error(ErrorCode::argument, "setErrorClasses: needs an object of classes");
    e.errors().set(info[0].As<Napi::Object>());
    return info.Env().Undefined();
  });
}

}  // namespace receptive
