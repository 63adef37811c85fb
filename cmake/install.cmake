if(TARGET lathe)
  install(TARGETS lathe RUNTIME DESTINATION bin)
endif()
