#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dns/wire.hpp"

// Proofs that something does not exist (RFC 4035, 5.4; RFC 5155, 8). Names are in wire format and
// folded.

namespace withdrawd::dns {

/// A zone that hashes names more often than this proves nothing: validators take its answers for
/// unsigned, or refuse them (RFC 9276, 3.2).
inline constexpr unsigned most_iterations = 150;

/// What came of a proof.
struct Proof {
  std::string missing{};  ///< what is not proven, in words; empty if all is
  bool opt_out = false;   ///< proven but for unsigned delegations (RFC 5155, 6)
};

/// What a zone denies in one answer, by NSEC or by NSEC3 records.
///
/// All records must have been validated, and must not be a wildcard's that was expanded to another
/// name: those say nothing of that name (CVE-2017-15105).
class Denial {
 public:
  /// `hashes_left` is taken from for each hash of a name, which is what a hostile zone could make
  /// expensive (CVE-2023-50868); at 0 nothing more is proven.
  Denial(std::string zone, bool hashed, const std::vector<Record>& records, unsigned& hashes_left);

  const std::string& zone() const { return zone_; }
  bool hashed() const { return hashed_; }

  /// There is no such name, nor a wildcard that would stand for it.
  Proof absence(const std::string& name);
  /// The name, or the wildcard that stands for it, has no records of this type and is no alias.
  Proof no_data(const std::string& name, unsigned type);
  /// The wildcard below the last `labels` labels of the name stands for it: nothing is closer.
  Proof wildcard(const std::string& name, unsigned labels);

 private:
  /// A name that exists, with its types, and that there is none up to the next one. Names are the
  /// hashes' text where they are hashed.
  struct Span {
    std::string from;
    std::string to;
    std::string bitmap;
    bool opt_out;
  };
  /// Why a name does not exist: the longest name above it that does, and where it would be.
  struct Gap {
    std::string encloser;
    const Span* span;
  };

  void add_plain(const Record& record);
  void add_hashed(const Record& record);
  bool before(const std::string& one, const std::string& other) const;
  std::string key(const std::string& name);
  const Span* at(const std::string& name);
  const Span* around(const std::string& name);
  bool is_empty(const Span& around, const std::string& name) const;
  std::optional<Gap> gap(const std::string& name);
  Proof missing(const std::string& name, std::string_view what) const;

  std::string zone_;
  bool hashed_;
  std::vector<Span> spans_;
  Record parameters_;  ///< the first NSEC3 record
  unsigned* hashes_left_;
  std::map<std::string, std::string> hashes_;  ///< by name
  std::string unusable_;                       ///< why nothing can be proven
};

}  // namespace withdrawd::dns
