# frozen_string_literal: true

module Thruster
  module Generators
    # How our generators change files that are the app's own: said, not done by --pretend, and no second time.
    module AppFiles
      private
        # Replaces a file's text by what the block makes of it. Whether it changed; nil if there is no such file.
        def rewrite(path, note = nil)
          text = read(path) or return

          changed = yield text
          return unchanged(path) if changed == text

          say_status :update, [ path, note ].compact.join(": "), :green
          File.write(File.join(destination_root, path), changed) unless options[:pretend]
          true
        end

        def read(path)
          file = File.join(destination_root, path)
          File.read(file, encoding: Encoding::UTF_8) if File.file?(file)
        end

        def unchanged(path)
          say_status :unchanged, path, :blue
          false
        end

        def leave(path, reason)
          say_status :skip, "#{path}: #{reason}", :yellow
          false
        end
    end
  end
end
