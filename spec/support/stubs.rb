# frozen_string_literal: true

# Programs that stand in for others, as scripts of the shell.
module Stubs
  def write_program(path, script)
    FileUtils.mkdir_p File.dirname(path)
    File.write path, "#!/bin/sh\n#{script}\n"
    File.chmod 0o755, path
    path
  end

  # A directory for PATH that has these programs and no others.
  def tools(directory, *names)
    FileUtils.mkdir_p directory
    names.uniq.each do |name|
      found = ENV["PATH"].split(":").map { File.join(_1, name) }.find { File.executable?(_1) }
      FileUtils.ln_s found, File.join(directory, name)
    end
    directory
  end
end
