// The sentences of findings in Japanese.
#ifndef NAKADACHI_TOOLS_REPLAY_PAGE_REASONS_H_
#define NAKADACHI_TOOLS_REPLAY_PAGE_REASONS_H_

#include <string>

#include "absl/strings/string_view.h"

namespace nakadachi::replay {

// Of a Finding's reason; empty where the sentence is not known, as that of a file's error.
std::string ReasonInJapanese(absl::string_view reason);

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_PAGE_REASONS_H_
