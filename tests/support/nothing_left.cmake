# Fails where anything is in FOLDER.
file(GLOB left LIST_DIRECTORIES true ${FOLDER}/* ${FOLDER}/.[!.]*)
if(left)
  list(JOIN left "\n  " left)
  message(FATAL_ERROR "Tests have left behind:\n  ${left}")
endif()
