# frozen_string_literal: true

module Thruster
  class RailsFacts
    # Where the disk services of Active Storage keep their files.
    class Disks
      def initialize(app)
        @app = app
      end

      # Directories by the names of the services.
      def to_h
        services.filter_map do |name, service|
          service = service.to_h.transform_keys(&:to_s)
          [ name.to_s, File.expand_path(service["root"].to_s, @app.root.to_s) ] if service["service"].to_s == "Disk" && service["root"]
        end.to_h
      end

      private
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
end
