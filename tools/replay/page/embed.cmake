# embed_assets(OUTPUT): writes a source file with the page's assets. The scripts become one, in the
# order of their names here. A compiler may limit the length of a literal: long texts are cut into
# several that stand side by side.
function(nakadachi_asset name variable)
  set(text "")
  foreach(file ${ARGN})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/page/${file})
    file(READ ${CMAKE_CURRENT_SOURCE_DIR}/page/${file} part)
    string(APPEND text "${part}")
  endforeach()
  string(REPLACE "\n\n" "\n)asset\"\nR\"asset(\n" text "${text}")
  set(${variable} "${${variable}}const char ${name}[] = R\"asset(${text})asset\";\n" PARENT_SCOPE)
endfunction()

function(nakadachi_embed_assets output)
  set(definitions "")
  nakadachi_asset(kPageHtml definitions page.html)
  nakadachi_asset(kPageStyle definitions page.css)
  nakadachi_asset(kPageScript definitions crypto.js statement.js view.js timeline.js sequence.js
    tables.js page.js)
  nakadachi_asset(kPageTexts definitions texts.json)
  file(WRITE ${output}.new
    "#include \"tools/replay/page/assets.h\"\n\nnamespace nakadachi::replay {\n\n${definitions}\n}  // namespace nakadachi::replay\n")
  configure_file(${output}.new ${output} COPYONLY)
endfunction()
