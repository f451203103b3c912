#include "fleet/etcd_json.hpp"

#include <boost/json.hpp>
#include <charconv>
#include <utility>

#include "core/outcome.hpp"
#include "fleet/base64.hpp"

namespace withdrawd::fleet {
namespace json = boost::json;
namespace {

/// Deeper than any answer of etcd.
constexpr std::size_t deepest = 16;

std::unexpected<core::Error> not_understood(std::string what) {
  return std::unexpected(core::Error{"understand etcd", std::move(what),
                                     "withdrawd takes the v3 JSON gateway of etcd 3.4 or later"});
}

core::Result<json::object> parse_object(std::string_view text) {
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = deepest;
  json::value value = json::parse(text, error, {}, options);
  if (error) return not_understood("its answer is not JSON: " + error.message());
  if (!value.is_object()) return not_understood("its answer is no JSON object");
  return std::move(value.get_object());
}

/// 64-bit numbers are written as strings; what is not there is 0.
core::Result<std::int64_t> number_in(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (!value) return 0;
  if (value->is_int64()) return value->get_int64();
  if (value->is_uint64()) return static_cast<std::int64_t>(value->get_uint64());
  if (const json::string* text = value->if_string()) {
    std::int64_t number = 0;
    const char* end = text->data() + text->size();
    // A lease is unsigned in some versions.
    std::uint64_t large = 0;
    if (const auto [at, failed] = std::from_chars(text->data(), end, number);
        failed == std::errc() && at == end) {
      return number;
    }
    if (const auto [at, failed] = std::from_chars(text->data(), end, large);
        failed == std::errc() && at == end) {
      return static_cast<std::int64_t>(large);
    }
  }
  return not_understood("\"" + std::string(key) + "\" is not a number");
}

core::Result<std::string> bytes_in(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (!value) return "";
  if (const json::string* text = value->if_string()) {
    if (auto bytes = from_base64(*text)) return *std::move(bytes);
  }
  return not_understood("\"" + std::string(key) + "\" is not base64");
}

const json::object* object_in(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value ? value->if_object() : nullptr;
}

const json::array* array_in(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value ? value->if_array() : nullptr;
}

json::object range_object(const Range& range) {
  json::object object{{"key", base64(range.begin)}};
  if (!range.end.empty()) object["range_end"] = base64(range.end);
  if (range.limit > 0) object["limit"] = std::to_string(range.limit);
  if (range.greatest_first) {
    object["sort_order"] = "DESCEND";
    object["sort_target"] = "VALUE";
  }
  return object;
}

core::Result<Record> record_of(const json::object& object) {
  auto key = bytes_in(object, "key");
  auto value = bytes_in(object, "value");
  const auto changed = number_in(object, "mod_revision");
  if (!key) return std::unexpected(key.error());
  if (!value) return std::unexpected(value.error());
  if (!changed) return std::unexpected(changed.error());
  return Record{*std::move(key), *std::move(value), *changed};
}

core::Result<RangeResult> range_of(const json::object& object) {
  RangeResult result;
  if (const json::array* records = array_in(object, "kvs")) {
    for (const json::value& value : *records) {
      const json::object* one = value.if_object();
      if (!one) return not_understood("a record is no object");
      auto record = record_of(*one);
      if (!record) return std::unexpected(record.error());
      result.records.push_back(*std::move(record));
    }
  }
  const auto count = number_in(object, "count");
  if (!count) return std::unexpected(count.error());
  result.count = *count;
  return result;
}

json::array reads_of(const Step& step) {
  json::array reads;
  for (const Range& range : step.reads) {
    reads.push_back(json::object{{"request_range", range_object(range)}});
  }
  return reads;
}

json::object step_object(const Step& step) {
  json::array compare;
  for (const auto& key : step.when) {
    compare.push_back(json::object{{"target", "MOD"},
                                   {"result", "EQUAL"},
                                   {"key", base64(key.key)},
                                   {"mod_revision", std::to_string(key.since)}});
  }
  json::array success = reads_of(step);
  if (step.put) {
    success = {
        json::object{{"request_put", json::object{{"key", base64(step.put->key)},
                                                  {"value", base64(step.put->value)},
                                                  {"lease", std::to_string(step.put->lease)}}}}};
  }
  json::object transaction{{"success", std::move(success)}};
  if (!compare.empty()) {
    transaction["compare"] = std::move(compare);
    transaction["failure"] = reads_of(step);
  }
  return transaction;
}

core::Result<StepResult> step_of(const json::object& object, const Step& step) {
  StepResult result;
  const json::value* succeeded = object.if_contains("succeeded");
  result.unchanged = step.put && succeeded && succeeded->is_bool() && succeeded->get_bool();
  if (result.unchanged) return result;
  const json::array* responses = array_in(object, "responses");
  if ((responses ? responses->size() : 0) != step.reads.size()) {
    return not_understood("it has answered other questions than were asked");
  }
  for (std::size_t i = 0; i < step.reads.size(); ++i) {
    const json::object* one = (*responses)[i].if_object();
    const json::object* range = one ? object_in(*one, "response_range") : nullptr;
    if (!range) return not_understood("it has not answered a question");
    auto read = range_of(*range);
    if (!read) return std::unexpected(read.error());
    result.reads.push_back(*std::move(read));
  }
  return result;
}

}  // namespace

std::size_t longest_answer(const Range& range) {
  // Key and value have some 400 bytes at most as withdrawd writes them (names of 64 bytes and a
  // host's name among them), in base64; beside them stand etcd's numbers.
  constexpr std::size_t longest_record = 2048;
  const auto records = range.end.empty() ? 1 : static_cast<std::size_t>(range.limit);
  return longest_plain_answer + records * longest_record;
}

std::size_t longest_answer(const Transaction& transaction) {
  std::size_t longest = longest_plain_answer;
  for (const Step& step : transaction.steps) {
    for (const Range& range : step.reads) longest += longest_answer(range);
  }
  return longest;
}

std::string transaction_json(const Transaction& transaction) {
  json::array steps;
  for (const Step& step : transaction.steps) {
    steps.push_back(json::object{{"request_txn", step_object(step)}});
  }
  return json::serialize(json::object{{"success", std::move(steps)}});
}

core::Result<TransactionResult> parse_transaction(std::string_view text,
                                                  const Transaction& transaction) {
  const auto object = parse_object(text);
  if (!object) return std::unexpected(object.error());
  TransactionResult result;
  const json::object* header = object_in(*object, "header");
  const auto revision = header ? number_in(*header, "revision") : core::Result<std::int64_t>(0);
  if (!revision || *revision <= 0) return not_understood("its answer has no revision");
  result.revision = *revision;
  const json::array* responses = array_in(*object, "responses");
  if ((responses ? responses->size() : 0) != transaction.steps.size()) {
    return not_understood("it has taken another number of steps than were asked for");
  }
  for (std::size_t i = 0; i < transaction.steps.size(); ++i) {
    const json::object* one = (*responses)[i].if_object();
    const json::object* inner = one ? object_in(*one, "response_txn") : nullptr;
    if (!inner) return not_understood("a step has no answer");
    auto step = step_of(*inner, transaction.steps[i]);
    if (!step) return std::unexpected(step.error());
    result.steps.push_back(*std::move(step));
  }
  return result;
}

std::string range_json(const Range& range) {
  return json::serialize(range_object(range));
}

core::Result<RangeResult> parse_range(std::string_view text) {
  const auto object = parse_object(text);
  if (!object) return std::unexpected(object.error());
  auto result = range_of(*object);
  const json::object* header = object_in(*object, "header");
  if (const auto revision = header ? number_in(*header, "revision") : 0; result && revision) {
    result->revision = *revision;
  }
  return result;
}

std::string put_json(std::string_view key, std::string_view value) {
  return json::serialize(json::object{{"key", base64(key)}, {"value", base64(value)}});
}

std::string lease_grant_json(std::int64_t seconds) {
  return json::serialize(json::object{{"TTL", std::to_string(seconds)}});
}

core::Result<Lease> parse_lease_grant(std::string_view text) {
  const auto object = parse_object(text);
  if (!object) return std::unexpected(object.error());
  const auto lease = number_in(*object, "ID");
  if (!lease) return std::unexpected(lease.error());
  if (*lease == 0) return not_understood("it has granted no lease");
  return *lease;
}

std::string lease_keepalive_json(Lease lease) {
  return json::serialize(json::object{{"ID", std::to_string(lease)}});
}

core::Result<bool> parse_lease_keepalive(std::string_view text) {
  // A stream of one message, which a line ends.
  const auto object = parse_object(text.substr(0, text.find('\n')));
  if (!object) return std::unexpected(object.error());
  const json::object* result = object_in(*object, "result");
  if (!result) return not_understood("it does not tell of the lease");
  const auto seconds = number_in(*result, "TTL");
  if (!seconds) return std::unexpected(seconds.error());
  return *seconds > 0;
}

std::string authenticate_json(std::string_view user, std::string_view password) {
  return json::serialize(json::object{{"name", user}, {"password", password}});
}

core::Result<std::string> parse_authenticate(std::string_view text) {
  const auto object = parse_object(text);
  if (!object) return std::unexpected(object.error());
  const json::value* token = object->if_contains("token");
  if (!token || !token->is_string() || token->get_string().empty()) {
    return not_understood("it has given no token");
  }
  std::string value(token->get_string());
  for (const char c : value) {
    // It becomes a line of a request.
    if (c <= 0x20 || c >= 0x7f) return not_understood("its token has strange characters");
  }
  return value;
}

std::string watch_json(const Range& range, Revision from) {
  json::object request = range_object(range);
  if (from > 0) request["start_revision"] = std::to_string(from);
  return json::serialize(json::object{{"create_request", std::move(request)}});
}

core::Result<std::optional<Watched>> parse_changes(std::string_view line) {
  const auto object = parse_object(line);
  if (!object) return std::unexpected(object.error());
  const json::object* result = object_in(*object, "result");
  if (!result) return not_understood("a message of a watch is an error");
  const json::value* canceled = result->if_contains("canceled");
  if (canceled && canceled->is_bool() && canceled->get_bool()) return std::nullopt;
  Watched watched;
  const json::array* events = array_in(*result, "events");
  if (!events) return watched;
  for (const json::value& value : *events) {
    const json::object* event = value.if_object();
    if (!event) return not_understood("an event is no object");
    const json::value* type = event->if_contains("type");
    const json::object* kv = object_in(*event, "kv");
    if (!kv) continue;
    auto record = record_of(*kv);
    if (!record) return std::unexpected(record.error());
    watched.changes.push_back({*std::move(record), type && *type == "DELETE"});
  }
  return watched;
}

core::Result<std::optional<std::vector<Record>>> parse_watch(std::string_view line) {
  auto watched = parse_changes(line);
  if (!watched) return std::unexpected(watched.error());
  if (!*watched) return std::nullopt;
  std::vector<Record> written;
  for (Watched::Change& change : (*watched)->changes) {
    // A deletion helps nobody who was refused.
    if (!change.removed) written.push_back(std::move(change.record));
  }
  return written;
}

Refusal parse_refusal(std::string_view text) {
  Refusal refusal;
  const auto object = parse_object(text.substr(0, text.find('\n')));
  if (!object) {
    refusal.message = core::printable(text, 120);
    return refusal;
  }
  const json::object* inner = object_in(*object, "error");
  const json::object& said = inner ? *inner : *object;
  for (const auto* key : {"code", "grpc_code"}) {
    if (const auto code = number_in(said, key); code && *code != 0) {
      refusal.code = static_cast<int>(*code);
      break;
    }
  }
  for (const auto* key : {"message", "error"}) {
    const json::value* value = said.if_contains(key);
    if (!value || !value->is_string()) continue;
    refusal.message = core::printable(std::string_view(value->get_string()), 200);
    break;
  }
  return refusal;
}

}  // namespace withdrawd::fleet
