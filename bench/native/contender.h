// The contenders' side of the benchmark's protocol (bench/contenders/protocol.ts), for those in C++.
#pragma once

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace bench {

// The arguments `key=value`.
class Task {
 public:
  Task(int count, char** arguments) {
    for (int i = 1; i < count; ++i) {
      const std::string text = arguments[i];
      const size_t split = text.find('=');
      values_[text.substr(0, split)] = text.substr(split + 1);
    }
  }
  const std::string& text(const std::string& key) const {
    const auto found = values_.find(key);
    if (found == values_.end()) throw std::runtime_error("the task lacks " + key);
    return found->second;
  }
  // Numbers separated by commas.
  std::vector<long> numbers(const std::string& key) const {
    std::vector<long> parsed;
    std::istringstream stream(text(key));
    for (std::string part; std::getline(stream, part, ',');) parsed.push_back(std::stol(part));
    return parsed;
  }
  long number(const std::string& key) const { return numbers(key).at(0); }
  // The raw float32 values of the file that the key names.
  std::vector<float> values(const std::string& key) const {
    std::ifstream stream(text(key), std::ios::binary | std::ios::ate);
    if (!stream) throw std::runtime_error("cannot read " + text(key));
    std::vector<float> read(static_cast<size_t>(stream.tellg()) / sizeof(float));
    stream.seekg(0);
    stream.read(reinterpret_cast<char*>(read.data()), static_cast<std::streamsize>(read.size() * sizeof(float)));
    return read;
  }

 private:
  std::map<std::string, std::string> values_;
};

// Answers requests until the input ends; `run(times)` returns when its runs are done.
template <class Run>
void serve(Run&& run) {
  for (std::string word, line; std::getline(std::cin, line);) {
    std::istringstream stream(line);
    long times = 0;
    if (!(stream >> word >> times) || word != "run" || times < 1) throw std::runtime_error("not a request: " + line);
    run(1);
    const auto start = std::chrono::steady_clock::now();
    run(times);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::printf("{\"seconds\": %.9f}\n", seconds.count());
    std::fflush(stdout);
  }
}

// Calls a contender's main function; an exception is a message and status 1.
template <class Main>
int guarded(Main&& main) {
  try {
    main();
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}

}  // namespace bench
