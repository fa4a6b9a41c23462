# Runs the scenario SCENARIO and judges the evidence that it leaves in FOLDER: the replay must find
# nothing in it, and must find what is changed in it.
function(must_give code)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE text ERROR_VARIABLE text)
  if(NOT result STREQUAL code)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}\ngave ${result} instead of ${code}:\n${text}")
  endif()
endfunction()

file(REMOVE_RECURSE ${FOLDER})
must_give(0 ${SIMULATE} --keep ${FOLDER} ${SCENARIO})
must_give(0 ${REPLAY} ${FOLDER}/evidence)
file(GLOB_RECURSE entries ${FOLDER}/evidence/broker/tile/entries/*)
list(GET entries 0 changed)
must_give(0 sh -c "printf XXXX | dd of=${changed} bs=1 seek=40 conv=notrunc")
must_give(1 ${REPLAY} ${FOLDER}/evidence)
file(REMOVE_RECURSE ${FOLDER})
