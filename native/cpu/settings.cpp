#include "settings.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "../core/device.h"
#include "../core/error.h"
#include "host.h"

namespace receptive {

namespace {

std::optional<std::string_view> variable(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr || *text == '\0') return std::nullopt;
  return text;
}

// A positive decimal number at the start of the text, and what follows it.
std::optional<std::int64_t> positive(std::string_view text, std::string_view& rest) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || value <= 0) return std::nullopt;
  rest = text.substr(static_cast<std::size_t>(end - text.data()));
  return value;
}

}  // namespace

int default_threads() {
  std::string_view rest;
  if (const auto text = variable("RECEPTIVE_NUM_THREADS")) {
    const auto count = positive(*text, rest);
    if (!count || !rest.empty() || *count > kMaxThreads) {
      throw Error(ErrorCode::argument,
                  text_of("RECEPTIVE_NUM_THREADS is '", std::string(*text), "'; allowed: 1 to ", kMaxThreads));
    }
    return static_cast<int>(*count);
  }
  if (const auto text = variable("OMP_NUM_THREADS")) {  // may be a list for nested regions: the first counts
    const auto count = positive(*text, rest);
    if (count) return static_cast<int>(std::min<std::int64_t>(*count, kMaxThreads));
  }
  return std::min(usable_processors(), kMaxThreads);
}

std::int64_t default_memory_limit() {
  const auto text = variable("RECEPTIVE_MEMORY_LIMIT");
  if (!text) return usable_memory() / 5 * 4;
  std::string_view rest;
  const auto value = positive(*text, rest);
  int shift = -1;
  if (rest.empty()) {
    shift = 0;
  } else if (rest.size() == 1) {
    const std::string_view suffixes = "kmg";
    const auto found = suffixes.find(static_cast<char>(std::tolower(static_cast<unsigned char>(rest[0]))));
    if (found != std::string_view::npos) shift = 10 * (static_cast<int>(found) + 1);
  }
  if (!value || shift < 0 || *value > (INT64_MAX >> shift)) {
    throw Error(ErrorCode::argument,
                text_of("RECEPTIVE_MEMORY_LIMIT is '", std::string(*text),
                        "'; allowed: a positive number of bytes, with a suffix k, m or g if you like"));
  }
  return *value << shift;
}

}  // namespace receptive
