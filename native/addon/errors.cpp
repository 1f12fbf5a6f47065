#include "errors.h"

#include <new>

namespace receptive {

void ErrorClasses::set(const Napi::Object& classes) {
  std::map<std::string, Napi::FunctionReference> given;
  const Napi::Array codes = classes.GetPropertyNames();
  for (std::uint32_t i = 0; i < codes.Length(); ++i) {
    const std::string code = codes.Get(i).ToString();
    const Napi::Value value = classes.Get(code);
    if (!value.IsFunction()) throw Error(ErrorCode::argument, "setErrorClasses: '" + code + "' is not a class");
    given[code] = Napi::Persistent(value.As<Napi::Function>());
  }
  classes_ = std::move(given);
}

Napi::Value ErrorClasses::make(Napi::Env env, ErrorCode code, const std::string& message) const {
  const char* text = code_text(code);
  auto found = classes_.find(text);
  if (found == classes_.end()) found = classes_.find(code_text(ErrorCode::general));
  if (found == classes_.end()) {
    Napi::Error error = Napi::Error::New(env, message);
    error.Set("code", text);
    return error.Value();
  }
  Napi::Object error = found->second.New({Napi::String::New(env, message)});
  const Napi::Value own = error.Get("code");
  if (!own.IsString() || own.As<Napi::String>().Utf8Value() != text) {
    error.DefineProperty(
        Napi::PropertyDescriptor::Value("code", Napi::String::New(env, text), napi_default_jsproperty));
  }
  return error;
}

namespace {

void throw_error(napi_env env, const ErrorClasses& classes, ErrorCode code, const std::string& message) {
  napi_throw(env, classes.make(env, code, message));
}

}  // namespace

void throw_current(napi_env env, const ErrorClasses& classes) noexcept {
  try {
    try {
      throw;
    } catch (const PendingException&) {
    } catch (const Napi::Error& error) {
      error.ThrowAsJavaScriptException();
    } catch (const Error& error) {
      throw_error(env, classes, error.code(), error.message());
    } catch (const std::bad_alloc&) {
      throw_error(env, classes, ErrorCode::memory, "out of memory: the system has no more host memory");
    } catch (const std::exception& error) {
      throw_error(env, classes, ErrorCode::general, std::string("internal error: ") + error.what());
    } catch (...) {
      throw_error(env, classes, ErrorCode::general, "internal error: an exception of unknown type");
    }
  } catch (...) {  // making the error failed, for want of memory or because the environment is being torn down
    bool pending = false;
    if (napi_is_exception_pending(env, &pending) == napi_ok && !pending) {
      napi_throw_error(env, code_text(ErrorCode::memory), "receptive: out of memory while an error was reported");
    }
  }
}

}  // namespace receptive
