#include "config/near_miss.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace withdrawd::config {
namespace {

/// Among thousands of names there is always one that is similar, and to look for it takes long.
constexpr std::size_t most_candidates = 2000;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Optimal string alignment: an edit distance in which two swapped neighbours count once.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last, last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before_last = std::exchange(last, row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = lower(a[i - 1]) == lower(b[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                           lower(a[i - 2]) == lower(b[j - 1]);
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
  }
  return row[b.size()];
}

/// "warn" for "warning": a word that was cut short on purpose.
bool abbreviates(std::string_view word, std::string_view candidate) {
  return word.size() >= 3 && word.size() < candidate.size() &&
         distance(word, candidate.substr(0, word.size())) == 0;
}

}  // namespace

std::string near_miss(std::string_view word, const std::vector<std::string>& candidates) {
  std::string nearest;
  // A slip every three letters; no word is so long that the distance would take noticeable time.
  std::size_t allowed = std::max<std::size_t>(1, word.size() / 3);
  if (word.size() > 100 || candidates.size() > most_candidates) return nearest;
  for (const auto& candidate : candidates) {
    const auto d = distance(word, candidate);
    // All of a one-letter word changed is another word.
    if (d > allowed || d >= std::max(word.size(), candidate.size())) continue;
    if (!nearest.empty() && d == allowed) continue;
    nearest = candidate;
    allowed = d;
  }
  if (!nearest.empty()) return nearest;
  for (const auto& candidate : candidates) {
    if (abbreviates(word, candidate)) return candidate;
  }
  return nearest;
}

}  // namespace withdrawd::config
