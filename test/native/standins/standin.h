// What all stand-ins do as the environment says: fail, report another version, write down their calls.
//
//   RECEPTIVE_STANDIN_FAIL=NAME:N[+]=STATUS,…  the N-th call of the function in the process gives that status, with +
//   all
//                                              later ones too
//   RECEPTIVE_STANDIN_VERSION=11.2.3           what the library says that it is
//   RECEPTIVE_STANDIN_LOG=FILE                 gets a line for each call
#pragma once

#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>

#define STANDIN_EXPORT extern "C" __attribute__((visibility("default")))

namespace standin {

struct Version {
  int major, minor, patch;
};

inline std::string variable(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? "" : text;
}

inline Version version(Version usual) {
  const std::string text = variable("RECEPTIVE_STANDIN_VERSION");
  if (!text.empty()) std::sscanf(text.c_str(), "%d.%d.%d", &usual.major, &usual.minor, &usual.patch);
  return usual;
}

// Counts the call and writes it down; the status that the environment wants of it, or 0.
inline int begin(const std::string& name) {
  static std::mutex mutex;
  static std::map<std::string, long> calls;
  const std::lock_guard lock(mutex);
  const long number = ++calls[name];
  const std::string log = variable("RECEPTIVE_STANDIN_LOG");
  if (!log.empty()) {
    if (std::FILE* file = std::fopen(log.c_str(), "a")) {
      std::fprintf(file, "%s\n", name.c_str());
      std::fclose(file);
    }
  }
  std::string rest = variable("RECEPTIVE_STANDIN_FAIL");
  while (!rest.empty()) {
    const std::string one = rest.substr(0, rest.find(','));
    rest.erase(0, one.size() + 1);
    const std::size_t colon = one.find(':'), equals = one.find('=');
    if (colon == std::string::npos || equals == std::string::npos || one.substr(0, colon) != name) continue;
    const long wanted = std::strtol(one.c_str() + colon + 1, nullptr, 10);
    const bool later = one[equals - 1] == '+';
    if (number == wanted || (later && number > wanted)) return std::atoi(one.c_str() + equals + 1);
  }
  return 0;
}

}  // namespace standin
