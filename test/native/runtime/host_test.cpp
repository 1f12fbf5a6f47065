// Limits of containers, read from files as both cgroup versions write them, and the environment variables.
#include "cpu/host.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "../check.h"
#include "core/error.h"
#include "cpu/settings.h"
#include "cpu/targets.h"

using namespace receptive;

namespace {

// A folder that stands for the root of the file system.
class Root {
 public:
  Root() {
    std::string pattern = (std::filesystem::temp_directory_path() / "receptive-host-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~Root() { std::filesystem::remove_all(path_); }
  void write(const std::string& file, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(path_ + file).parent_path());
    std::ofstream(path_ + file) << text;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

constexpr std::int64_t kMiB = 1 << 20;

void without_limits() {
  const Root root;
  EXPECT(usable_processors(root.path()) >= 1, "at least one processor");
  EXPECT(usable_memory(root.path()) > 16 * kMiB, "physical memory");
  EXPECT(!processor_name(root.path()).empty(), "a name without /proc/cpuinfo");
  EXPECT(last_cache_bytes(root.path()) == 0, "no cache that the system tells of");
}

void caches() {
  const Root root;
  const std::string folder = "/sys/devices/system/cpu/cpu0/cache/index";
  root.write(folder + "0/size", "48K\n");
  root.write(folder + "1/size", "32K\n");
  EXPECT(last_cache_bytes(root.path()) == 48 << 10, "the largest: %ld", last_cache_bytes(root.path()));
  root.write(folder + "2/size", "3M\n");
  root.write(folder + "3/size", "many\n");
  EXPECT(last_cache_bytes(root.path()) == 3 * kMiB, "mebibytes, and nonsense: %ld", last_cache_bytes(root.path()));
}

void version_2() {
  const Root root;
  root.write("/proc/self/cgroup", "0::/app/worker\n");
  root.write("/sys/fs/cgroup/app/worker/memory.max", "max\n");
  root.write("/sys/fs/cgroup/app/memory.max", std::to_string(64 * kMiB) + "\n");
  root.write("/sys/fs/cgroup/memory.max", std::to_string(96 * kMiB) + "\n");
  root.write("/sys/fs/cgroup/app/worker/cpu.max", "50000 100000\n");
  root.write("/sys/fs/cgroup/app/cpu.max", "max 100000\n");
  EXPECT(usable_memory(root.path()) == 64 * kMiB, "the smallest of a group and its parents: %ld",
         usable_memory(root.path()));
  EXPECT(usable_processors(root.path()) == 1, "half a processor counts as one");
}

void container_of_version_2() {
  const Root root;  // the path is the host's, the mount is the container's own group
  root.write("/proc/self/cgroup", "0::/../../system.slice/container.scope\n");
  root.write("/sys/fs/cgroup/memory.max", std::to_string(32 * kMiB) + "\n");
  EXPECT(usable_memory(root.path()) == 32 * kMiB, "the mount's root: %ld", usable_memory(root.path()));
}

void version_1() {
  const Root root;
  root.write("/proc/self/cgroup", "7:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n1:name=systemd:/\n");
  root.write("/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", std::to_string(48 * kMiB) + "\n");
  root.write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  root.write("/sys/fs/cgroup/cpu/docker/abc/cpu.cfs_quota_us", "-1\n");
  root.write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000\n");
  root.write("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT(usable_memory(root.path()) == 48 * kMiB, "limit_in_bytes: %ld", usable_memory(root.path()));
  EXPECT(usable_processors(root.path()) == 1, "quota of the parent");
}

void nonsense_in_files() {
  const Root root;
  root.write("/proc/self/cgroup", "nonsense\n::::\n0:\n");
  root.write("/sys/fs/cgroup/memory.max", "many\n");
  root.write("/sys/fs/cgroup/cpu.max", "0 0\n");
  root.write("/proc/cpuinfo", "processor : 0\nmodel name : Some Processor 9000\nmodel name : another\n");
  EXPECT(usable_memory(root.path()) == usable_memory(Root().path()), "an unreadable limit is none");
  EXPECT(usable_processors(root.path()) >= 1, "an unreadable quota is none");
  EXPECT(processor_name(root.path()) == "Some Processor 9000", "%s", processor_name(root.path()).c_str());
}

// The message of the error that the function throws; empty when it throws none.
template <class F>
std::string refusal(const char* variable, const char* value, F&& function) {
  setenv(variable, value, 1);
  std::string message;
  try {
    function();
  } catch (const Error& error) {
    message = error.message();
    EXPECT(error.code() == ErrorCode::argument, "code %s", code_text(error.code()));
  }
  unsetenv(variable);
  return message;
}

template <class F>
std::int64_t with(const char* variable, const char* value, F&& function) {
  setenv(variable, value, 1);
  const std::int64_t result = function();
  unsetenv(variable);
  return result;
}

void threads() {
  unsetenv("RECEPTIVE_NUM_THREADS");
  unsetenv("OMP_NUM_THREADS");
  const int usual = default_threads();
  EXPECT(usual >= 1 && usual <= 256, "default %d", usual);
  EXPECT(with("RECEPTIVE_NUM_THREADS", "7", default_threads) == 7, "RECEPTIVE_NUM_THREADS");
  EXPECT(with("RECEPTIVE_NUM_THREADS", "", default_threads) == usual, "an empty variable is not set");
  EXPECT(with("OMP_NUM_THREADS", "3,2", default_threads) == 3, "the first of OMP_NUM_THREADS");
  EXPECT(with("OMP_NUM_THREADS", "many", default_threads) == usual, "OMP_NUM_THREADS is another library's: no error");
  setenv("OMP_NUM_THREADS", "3", 1);
  EXPECT(with("RECEPTIVE_NUM_THREADS", "5", default_threads) == 5, "ours wins");
  unsetenv("OMP_NUM_THREADS");
  for (const char* wrong : {"0", "-1", "257", "1.5", "2 ", "many", "99999999999999999999"}) {
    const std::string message = refusal("RECEPTIVE_NUM_THREADS", wrong, default_threads);
    EXPECT(message.find("1 to 256") != std::string::npos, "'%s': %s", wrong, message.c_str());
  }
}

void memory_limit() {
  unsetenv("RECEPTIVE_MEMORY_LIMIT");
  EXPECT(default_memory_limit() == usable_memory() / 5 * 4, "80%%");
  const struct {
    const char* text;
    std::int64_t bytes;
  } rows[] = {{"1", 1}, {"4096", 4096}, {"2k", 2048}, {"3M", 3 * kMiB}, {"2g", 2048 * kMiB}, {"8G", 8192 * kMiB}};
  for (const auto& row : rows) {
    const std::int64_t bytes = with("RECEPTIVE_MEMORY_LIMIT", row.text, default_memory_limit);
    EXPECT(bytes == row.bytes, "%s: %ld", row.text, bytes);
  }
  for (const char* wrong : {"0", "-5", "1.5g", "2x", "2kk", "g", "9999999999999g", "1 k"}) {
    EXPECT(!refusal("RECEPTIVE_MEMORY_LIMIT", wrong, default_memory_limit).empty(), "'%s' was accepted", wrong);
  }
}

void targets() {
  unsetenv("RECEPTIVE_CPU_TARGET");
  const auto supported = supported_targets();
  EXPECT(!supported.empty(), "some target is supported");
  EXPECT(supported.front() == selected_target().name, "the best is selected");
  for (const auto& name : supported) {
    setenv("RECEPTIVE_CPU_TARGET", name.c_str(), 1);
    EXPECT(name == selected_target().name, "%s", name.c_str());
  }
  const std::string message = refusal("RECEPTIVE_CPU_TARGET", "avx9", selected_target);
  EXPECT(message.find("'avx9'") != std::string::npos, "names the value: %s", message.c_str());
  for (const auto& name : supported) EXPECT(message.find(name) != std::string::npos, "lists %s", name.c_str());
}

}  // namespace

int main() {
  without_limits();
  caches();
  version_2();
  container_of_version_2();
  version_1();
  nonsense_in_files();
  threads();
  memory_limit();
  targets();
  return harness::report("host");
}
