// What the page is made of, built in.
#ifndef NAKADACHI_TOOLS_REPLAY_PAGE_ASSETS_H_
#define NAKADACHI_TOOLS_REPLAY_PAGE_ASSETS_H_

namespace nakadachi::replay {

extern const char kPageHtml[];
extern const char kPageStyle[];
extern const char kPageScript[];
extern const char kPageTexts[];

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_PAGE_ASSETS_H_
