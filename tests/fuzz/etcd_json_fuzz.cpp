// What etcd's JSON gateway answers, and the records that whoever may write into the store has left
// there. Input: a byte that says what it is an answer to; the answer.
#include <cstdint>
#include <string_view>

#include "fleet/base64.hpp"
#include "fleet/etcd_json.hpp"
#include "fleet/record.hpp"
#include "must.hpp"

using namespace withdrawd::fleet;

namespace {

/// Of two steps; the second one reads twice.
Transaction asked() {
  const Range own{"/withdrawd/1/edge/place/192.0.2.0/24/fra1", "", 0};
  const Range all{"/withdrawd/1/edge/place/192.0.2.0/24/", "/withdrawd/1/edge/place/192.0.2.0/240",
                  64};
  return {{{{{own.begin, 41}}, Step::Put{own.begin, "{}", 7}, {own}}, {{}, {}, {own, all}}}};
}

/// What is understood has the shape that whoever asked relies on.
void transaction(std::string_view text) {
  const Transaction sent = asked();
  const auto result = parse_transaction(text, sent);
  if (!result) return must_be_printable(result.error().text());
  must(result->steps.size() == sent.steps.size());
  for (std::size_t i = 0; i < sent.steps.size(); ++i) {
    const StepResult& step = result->steps[i];
    const bool wrote = step.unchanged && sent.steps[i].put;
    must(step.reads.size() == (wrote ? 0 : sent.steps[i].reads.size()));
  }
}

template <class Parsed>
void printable_if_wrong(const Parsed& parsed) {
  if (!parsed) must_be_printable(parsed.error().text());
}

void place(std::string_view text) {
  const auto record = parse_place(text);
  if (record) must(parse_place(place_text(*record)) == record);
}

void bytes(std::string_view text) {
  const auto decoded = from_base64(text);
  if (decoded) must(from_base64(base64(*decoded)) == decoded);
}

void key(std::string_view text) {
  const Keys keys("edge");
  const auto names = keys.parse(text);
  if (!names) return;
  must(!names->place.empty() && !names->site.empty());
  must(keys.of_place(names->place, names->site) == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 10) {
    case '0' % 10:
      transaction(text);
      break;
    case '1' % 10:
      printable_if_wrong(parse_range(text));
      break;
    case '2' % 10:
      printable_if_wrong(parse_lease_grant(text));
      break;
    case '3' % 10:
      printable_if_wrong(parse_lease_keepalive(text));
      break;
    case '4' % 10:
      printable_if_wrong(parse_authenticate(text));
      break;
    case '5' % 10:
      printable_if_wrong(parse_watch(text));
      break;
    case '6' % 10:
      must_be_printable(parse_refusal(text).message);
      break;
    case '7' % 10:
      place(text);
      break;
    case '8' % 10:
      bytes(text);
      break;
    default:
      key(text);
  }
  return 0;
}
