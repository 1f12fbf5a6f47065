// Libraries of NVIDIA that are opened at run time where they are found, and never linked. Which versions can be used is
// said where a library's entry points are declared; here is how one is found, and why one is not used.
#pragma once

#include <initializer_list>
#include <string>

#include "../core/device.h"
#include "health.h"

namespace receptive {

// Stays open for ever, as its threads may.
class OptionalLibrary {
 public:
  // Opens the file that the environment variable names, else the first of `files` that there is.
  OptionalLibrary(const char* name, const char* variable, std::initializer_list<const char*> files);

  // Looks up an entry point. A library that lacks one is not used.
  template <class Function>
  void bind(const char* symbol, Function*& function) {
    function = reinterpret_cast<Function*>(find(symbol));
  }

  // A library of another major version is not used: its entry points may have other arguments.
  void expect_version(int major, int minor, int patch, std::initializer_list<int> supported);

  bool usable() const { return info_.reason.empty(); }
  const LibraryInfo& info() const { return info_; }

 private:
  void* find(const char* symbol);

  void* opened_ = nullptr;
  LibraryInfo info_;
};

// Throws Error(unsupported) with the reason where the library is not used.
void expect_usable(const LibraryInfo& library);

// Throws for a call of a library that has failed: Error(deviceLost) where it met the end of the device, else of `code`.
[[noreturn]] void fail_library_call(DeviceHealth& health, const char* call, const char* status, int number,
                                    ErrorCode code);

}  // namespace receptive
