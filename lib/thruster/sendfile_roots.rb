# frozen_string_literal: true

require "pathname"

module Thruster
  # The directories from which thrust may send what the app names: the app's own, those of Active Storage, public/, and
  # what is linked into them, as Capistrano does with storage and public/uploads. The system's directory for temporary files
  # is not among them: what an app sends from there may be gone before thrust has opened it.
  class SendfileRoots
    def initialize(app)
      @app = app
    end

    def to_a
      places = [ @app.root.to_s, *@app.paths["public"].first, *disks ]
      [ *places, *places.take(2).flat_map { linked_from(_1) } ].uniq.reject { _1.include?(",") }
    end

    private
      def linked_from(directory)
        Dir.children(directory).sort.map { File.join(directory, _1) }.select { File.symlink?(_1) && File.directory?(_1) }
      rescue SystemCallError
        []
      end

      def disks
        services.values.filter_map do |service|
          service = service.to_h.transform_keys(&:to_s)
          File.expand_path(service["root"].to_s, @app.root.to_s) if service["service"].to_s == "Disk" && service["root"]
        end
      end

      # Active Storage reads its file when it is first used, which may be later.
      def services
        return {} unless @app.config.respond_to?(:active_storage)

        @app.config.active_storage.service_configurations || read
      end

      def read
        file = [ "config/storage/#{::Rails.env}.yml", "config/storage.yml" ].map { @app.root.join(_1) }.find(&:exist?)
        (ActiveSupport::ConfigurationFile.parse(file) if file) || {}
      rescue StandardError
        {} # A file that cannot be read is Active Storage's to tell.
      end
  end
end
