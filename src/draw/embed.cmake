# cmake -DIN=page.html -DOUT=draw_page.inc -P embed.cmake: the page as a C++ raw string.
file(READ "${IN}" page)
file(WRITE "${OUT}" "inline constexpr char kPage[] = R\"page(${page})page\";\n")
