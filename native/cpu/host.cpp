#include "host.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <vector>

#include "../core/error.h"

namespace receptive {

namespace {

constexpr std::int64_t kUnlimited = std::numeric_limits<std::int64_t>::max();

// The lines of a small file; none where it cannot be read. (C streams: the C++ ones would add 1 MB of locales to the
// addon.)
std::vector<std::string> lines_of(const std::string& path) {
  std::vector<std::string> lines;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"), std::fclose);
  char* text = nullptr;
  std::size_t capacity = 0;
  while (file != nullptr) {
    const ssize_t length = getline(&text, &capacity, file.get());
    if (length < 0) break;
    lines.emplace_back(text, static_cast<std::size_t>(length));
    if (lines.back().back() == '\n') lines.back().pop_back();
  }
  std::free(text);
  return lines;
}

std::string first_line(const std::string& path) {
  const std::vector<std::string> lines = lines_of(path);
  return lines.empty() ? "" : lines.front();
}

// A number, or `otherwise` where the file is missing or says "max".
std::int64_t number_in(const std::string& path, std::int64_t otherwise) {
  const std::string text = first_line(path);
  char* end = nullptr;
  errno = 0;
  const long long value = std::strtoll(text.c_str(), &end, 10);
  return end != text.c_str() && errno == 0 ? value : otherwise;
}

// The process's path in a cgroup hierarchy: "" names the unified one (v2), else a controller of v1.
std::string cgroup_path(const std::string& root, const std::string& controller) {
  for (const std::string& line : lines_of(root + "/proc/self/cgroup")) {  // id:controllers:path
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string::npos || line.compare(second + 1, 1, "/") != 0) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const bool wanted =
        controller.empty() ? controllers == ",," : controllers.find("," + controller + ",") != std::string::npos;
    if (wanted) return line.substr(second + 1);
  }
  return "/";
}

// The folders of a cgroup and its parents: each of them may set a limit. In a container the process's path is often
// that of the host and not visible, while the mount's root is the container's own group; folders that do not exist do
// no harm.
std::vector<std::string> cgroup_folders(const std::string& mount, std::string path) {
  std::vector<std::string> folders;
  while (!path.empty() && path != "/") {
    folders.push_back(mount + path);
    path.erase(path.rfind('/'));
  }
  folders.push_back(mount);
  return folders;
}

std::int64_t cgroup_memory(const std::string& root) {
  std::int64_t limit = kUnlimited;
  for (const auto& folder : cgroup_folders(root + "/sys/fs/cgroup", cgroup_path(root, ""))) {
    limit = std::min(limit, number_in(folder + "/memory.max", kUnlimited));
  }
  for (const auto& folder : cgroup_folders(root + "/sys/fs/cgroup/memory", cgroup_path(root, "memory"))) {
    limit = std::min(limit, number_in(folder + "/memory.limit_in_bytes", kUnlimited));
  }
  return limit;
}

// Processors' worth of time per period; infinite without a quota.
double cgroup_processors(const std::string& root) {
  double processors = std::numeric_limits<double>::infinity();
  for (const auto& folder : cgroup_folders(root + "/sys/fs/cgroup", cgroup_path(root, ""))) {
    double quota = 0;
    double period = 0;
    const std::string text = first_line(folder + "/cpu.max");  // "quota period", or "max period"
    if (std::sscanf(text.c_str(), "%lf %lf", &quota, &period) == 2 && quota > 0 && period > 0) {
      processors = std::min(processors, quota / period);
    }
  }
  for (const auto& folder : cgroup_folders(root + "/sys/fs/cgroup/cpu", cgroup_path(root, "cpu"))) {
    const auto quota = static_cast<double>(number_in(folder + "/cpu.cfs_quota_us", -1));
    const auto period = static_cast<double>(number_in(folder + "/cpu.cfs_period_us", 0));
    if (quota > 0 && period > 0) processors = std::min(processors, quota / period);
  }
  return processors;
}

}  // namespace

int usable_processors(const std::string& root) {
  int count = 0;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0) count = CPU_COUNT(&set);
  if (count <= 0) count = static_cast<int>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
  const double quota = cgroup_processors(root);
  if (quota < count) count = static_cast<int>(std::max(1.0, std::ceil(quota)));
  return count;
}

std::int64_t usable_memory(const std::string& root) {
  const auto physical = static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  return std::min(physical, cgroup_memory(root));
}

std::int64_t last_cache_bytes(const std::string& root) {
  std::int64_t largest = 0;
  for (int index = 0;; ++index) {
    const std::string text = first_line(text_of(root, "/sys/devices/system/cpu/cpu0/cache/index", index, "/size"));
    if (text.empty()) return largest;
    long long size = 0;
    char unit = ' ';
    std::sscanf(text.c_str(), "%lld%c", &size, &unit);  // "32768K"
    const int shift = unit == 'K' ? 10 : unit == 'M' ? 20 : 0;
    if (size > 0) largest = std::max<std::int64_t>(largest, size << shift);
  }
}

std::string processor_name(const std::string& root) {
  for (const std::string& line : lines_of(root + "/proc/cpuinfo")) {
    if (line.rfind("model name", 0) != 0) continue;
    const std::size_t colon = line.find(':');
    if (colon != std::string::npos && colon + 2 < line.size()) return line.substr(colon + 2);
  }
#if defined(__aarch64__)
  const std::string board = first_line(root + "/proc/device-tree/model");
  return board.empty() ? "arm64 processor" : board.substr(0, board.find('\0'));
#else
  return "x86-64 processor";
#endif
}

}  // namespace receptive
