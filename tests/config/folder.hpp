#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string_view>

/// A folder of its own, gone with the test.
class Folder {
 public:
  Folder() {
    auto pattern = (std::filesystem::temp_directory_path() / "withdrawd-config-XXXXXX").native();
    path_ = mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::filesystem::path file(std::string_view content,
                             std::string_view name = "withdrawd.toml") const {
    const auto path = path_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};
