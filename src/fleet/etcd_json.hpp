#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "fleet/transaction.hpp"

namespace withdrawd::fleet {

// What etcd's JSON gateway takes and gives (etcd 3.4 to 3.6, paths under /v3). Pure: texts in,
// texts out. Whatever comes from there is untrusted: what does not have the expected shape is an
// error.

/// The longest answers there can be to what is asked, with room to spare: what is longer is none,
/// and need not be read to its end.
std::size_t longest_answer(const Range& range);
std::size_t longest_answer(const Transaction& transaction);
/// To whatever else is asked, refusals included.
constexpr std::size_t longest_plain_answer = std::size_t{32} * 1024;

std::string transaction_json(const Transaction& transaction);
core::Result<TransactionResult> parse_transaction(std::string_view text,
                                                  const Transaction& transaction);

std::string range_json(const Range& range);
core::Result<RangeResult> parse_range(std::string_view text);

std::string put_json(std::string_view key, std::string_view value);

std::string lease_grant_json(std::int64_t seconds);
core::Result<Lease> parse_lease_grant(std::string_view text);

std::string lease_keepalive_json(Lease lease);
/// Does the lease live on?
core::Result<bool> parse_lease_keepalive(std::string_view text);

std::string authenticate_json(std::string_view user, std::string_view password);
core::Result<std::string> parse_authenticate(std::string_view text);

/// From a revision on; 0: from now on.
std::string watch_json(const Range& range, Revision from = 0);
/// What one message of a watch tells of. None: the watch is over.
struct Watched {
  struct Change {
    Record record;  ///< of one that is removed the key alone
    bool removed = false;
  };
  std::vector<Change> changes;
};
core::Result<std::optional<Watched>> parse_changes(std::string_view line);
/// Of these the records that were written.
core::Result<std::optional<std::vector<Record>>> parse_watch(std::string_view line);

/// What etcd says is wrong, printable; the body of an answer whose status is not 200.
struct Refusal {
  int code = 0;  ///< of gRPC: 5 not found, 16 unauthenticated
  std::string message;
};
Refusal parse_refusal(std::string_view text);

}  // namespace withdrawd::fleet
