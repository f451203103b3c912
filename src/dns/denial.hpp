#pragma once

#include <string>
#include <vector>

// Proofs that something does not exist (RFC 4035, 5.4; RFC 5155, 8). Names are in wire format and
// folded. All records must have been validated before.

namespace withdrawd::dns {

/// An NSEC or NSEC3 record.
struct DenialRecord {
  std::string owner;
  std::string data;  ///< in wire format, without compression
};

/// What a zone says of itself in one answer: records of one of the two kinds.
struct DenialRecords {
  std::string zone;
  bool hashed = false;  ///< NSEC3
  std::vector<DenialRecord> records;
};

/// A zone that hashes names more often than this is not believed (RFC 9276, 3.2).
inline constexpr unsigned most_iterations = 150;

/// Each gives what is not proven, in words, or nothing if it is.

/// There is no such name, nor a wildcard that would stand for it.
std::string unproven_absence(const DenialRecords& denial, const std::string& name);
/// The name, or the wildcard that stands for it, has no records of this type and is no alias.
std::string unproven_no_data(const DenialRecords& denial, const std::string& name, unsigned type);
/// The wildcard below the last `labels` labels of the name stands for it: nothing is closer.
std::string unproven_wildcard(const DenialRecords& denial, const std::string& name,
                              unsigned labels);

}  // namespace withdrawd::dns
