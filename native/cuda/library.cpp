#include "library.h"

#include <dlfcn.h>
#include <link.h>

#include <cstdlib>

#include "../core/error.h"

namespace receptive {

namespace {

// Where the dynamic linker has found it.
std::string path_of(void* opened, const char* name) {
  link_map* map = nullptr;
  return dlinfo(opened, RTLD_DI_LINKMAP, &map) == 0 && map->l_name[0] != '\0' ? map->l_name : name;
}

}  // namespace

OptionalLibrary::OptionalLibrary(const char* name, const char* variable, std::initializer_list<const char*> files) {
  info_.name = name;
  const char* given = std::getenv(variable);
  const bool named = given != nullptr && *given != '\0';
  std::string tried;
  const auto open = [&](const char* file) {
    opened_ = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (opened_ != nullptr) {
      info_.path = path_of(opened_, file);
      return true;
    }
    const char* reason = dlerror();  // which begins with the file's name, or that of one it needs
    tried += tried.empty() ? "" : "; ";
    tried += reason != nullptr ? reason : file;
    return false;
  };
  if (named) {
    if (!open(given)) info_.reason = text_of("not found where ", variable, " says: ", tried);
    return;
  }
  for (const char* file : files) {
    if (open(file)) return;
  }
  info_.reason = text_of("not found: ", tried, " (", variable, " can name the file)");
}

void* OptionalLibrary::find(const char* symbol) {
  if (!usable()) return nullptr;
  void* found = dlsym(opened_, symbol);
  if (found == nullptr) info_.reason = text_of(info_.path, " lacks ", symbol);
  return found;
}

void OptionalLibrary::expect_version(int major, int minor, int patch, std::initializer_list<int> supported) {
  info_.version = text_of(major, ".", minor, ".", patch);
  std::string known;
  for (const int one : supported) {
    if (one == major) return;
    known += text_of(known.empty() ? "" : " and ", one);
  }
  if (usable()) {
    info_.reason = text_of("version ", info_.version, " is not supported, versions ", known, " are (", info_.path, ")");
  }
}

void expect_usable(const LibraryInfo& library) {
  if (!library.reason.empty()) {
    throw Error(ErrorCode::unsupported, text_of(library.name, " cannot be used: ", library.reason));
  }
}

void fail_library_call(DeviceHealth& health, const char* call, const char* status, int number, ErrorCode code) {
  // What the library has left for cudaGetLastError() is told here; freeing nothing asks whether the context lives.
  cudaError_t left = cudaGetLastError();
  if (left == cudaSuccess) left = cudaFree(nullptr);
  if (left != cudaSuccess && health.latch(left, call)) health.expect_alive();
  throw Error(code, text_of(call, " on device '", health.id(), "': ", status, " (", number, ")"));
}

}  // namespace receptive
