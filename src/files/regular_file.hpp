#pragma once

#include <sys/types.h>

#include <cstddef>
#include <expected>
#include <filesystem>
#include <string>
#include <string_view>

#include "files/file_descriptor.hpp"

/// The one way to open what a configuration, an option or another process names. A path may be
/// anything: a FIFO on which open() waits for ever, a terminal, /dev/zero, a directory, a link to
/// one of them, a file of 2 GB. Nothing here waits for a FIFO or a device, takes a terminal, opens
/// what is no regular file, leaves a descriptor to a child or reads without a bound. What it cannot
/// do is hurry up a disk that hangs: see beside.hpp.
namespace withdrawd::files {

/// Why a file was not opened, read or written.
struct Refusal {
  int number;            ///< an errno; 0: it was opened, and is not what was expected
  std::string happened;  ///< "it is a FIFO", "No such file or directory"
  std::string advice;    ///< empty: none

  static Refusal of(int number);
};

/// Where the last part of a path is a link: where nobody but we should put anything, it is refused.
/// Root follows none in another user's folder.
enum class Links : bool { refuse, follow };

/// Opens an existing regular file to be read.
std::expected<FileDescriptor, Refusal> open_to_read(const std::filesystem::path& file);

/// Opens a regular file to be read and written, and makes it where there is none; then it belongs
/// to the owner of its folder, and in root's own folder to the service's user, whoever makes it;
/// but not what a link points at. `flags`: O_APPEND or 0.
std::expected<FileDescriptor, Refusal> open_to_write(const std::filesystem::path& file, int flags,
                                                     mode_t mode, Links links = Links::refuse);

/// All that is in a regular file. A longer one than `longest` bytes is refused: EFBIG.
std::expected<std::string, Refusal> read(const std::filesystem::path& file, std::size_t longest);

enum class Umask : bool { heeded, overruled };

/// Puts `text` where `file` is, at once: whoever reads it sees what was there before or all of
/// this. It is written beside it under a name that nobody can foresee, into a file that was not
/// there before. No fsync: see docs/design.md.
std::expected<void, Refusal> replace(const std::filesystem::path& file, std::string_view text,
                                     mode_t mode, Umask umask = Umask::heeded);

/// May nobody but root and this process's user change what is in the folder? A refusal says who
/// may. Root writes in anybody's: what it puts there is that user's.
std::expected<void, Refusal> check_folder(const std::filesystem::path& folder);

/// Makes the folders that are missing; they belong to whom a file in their place would belong to.
/// What fails shows when a file in them is opened.
void make_folders(const std::filesystem::path& folder);

}  // namespace withdrawd::files
