# frozen_string_literal: true

require_relative "disks"

module Thruster
  class RailsFacts
    # The directories from which thrust may send what the app names: the app's own, public/, the disks of Active Storage,
    # and what is linked into the first two, as Capistrano does with storage and public/uploads. The system's directory for
    # temporary files is not among them: what an app sends from there may be gone before thrust has opened it.
    class SendfileRoots
      def initialize(app)
        @app = app
      end

      def to_a
        places = [ @app.root.to_s, *@app.paths["public"].first, *Disks.new(@app).to_h.values ]
        [ *places, *places.take(2).flat_map { linked_from(_1) } ].uniq.reject { _1.include?(",") }
      end

      private
        def linked_from(directory)
          Dir.children(directory).sort.map { File.join(directory, _1) }.select { File.symlink?(_1) && File.directory?(_1) }
        rescue SystemCallError
          []
        end
    end
  end
end
