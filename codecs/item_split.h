// Finds the items in a Scan reply without parsing it: outside strings only `},{` and `}]` can be the end of an item,
// and of those only the ones at the right depth are. For replies written without white space, as services write them;
// whatever is irregular is left to the parser (scan_page.cc).
//
// AVX-512 or AVX2 where the processor has it, chosen when it runs; else SSE2. Pure; one thread.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace bulk {

struct ItemSpan {
  std::size_t offset;
  std::size_t length;
};

struct ItemArray {
  std::vector<ItemSpan> items;  // each begins with '{' and ends with '}'
  std::size_t begin = 0;        // of the array's inside, behind its '['
  std::size_t end = 0;          // its ']'
};

// Of the member "Items" of the object `reply`. True: up to the array's end the reply is UTF-8 without control
// characters, its strings are closed and its brackets are as many as they should be. Whether their kinds fit, and what
// stands inside items, is not looked at; something between two items that is none makes one span of both. False: not
// certain.
bool split_items(std::string_view reply, ItemArray& array);

}  // namespace bulk
