# frozen_string_literal: true

require_relative "rails_facts/filter_words"
require_relative "rails_facts/public_files"
require_relative "rails_facts/puma_options"
require_relative "rails_facts/sendfile_roots"
require_relative "sendfile"
require_relative "setting_text"
require_relative "settings"
require_relative "version"

module Thruster
  # What a Rails application that has booted knows already, in thrust's words. docs/rails.md says which setting comes from
  # where.
  class RailsFacts
    # Where Active Storage's routes are, unless an app moves them.
    STORAGE = "/rails/active_storage"

    def initialize(app)
      @app = app
      @public = PublicFiles.new(app)
      @filters = FilterWords.new(config.filter_parameters)
    end

    # Settings by name, each as text; what Rails leaves at its default and thrust knows as well is not among them.
    def settings
      @settings ||= texts.then { |texts| without(unsayable.map { _1[:setting] }, texts) }
    end

    # The same without these. Files from public/ are sent as Rails would send them, or by Rails.
    def without(names, settings = self.settings)
      names += [ "public_path" ] if names.any? { _1.start_with?("public_") }
      settings.except(*names)
    end

    # What thrust should know of the app and cannot be set.
    def app
      {
        framework: "Rails #{::Rails.version}", gem: VERSION, environment: ::Rails.env.to_s, sendfile: sendfile?,
        hosts: hosts, force_ssl: config.force_ssl ? true : false, assume_ssl: assume_ssl?, puma: PumaOptions.known
      }.compact
    end

    # Paths below which Rails answers with files and nothing else: those of Active Storage's disks.
    def paths_of_files
      return [] unless config.respond_to?(:active_storage)

      prefix = config.active_storage.routes_prefix || STORAGE
      [ prefix, File.join(config.relative_url_root.to_s, prefix) ].uniq.map { File.join(_1, "disk", "") }
    end

    # What Rails has and thrust was not told, one sentence each.
    def notes
      [ *@public.note, *filter_note, *proxies_note, *unsayable.map { "thrust was not told that #{_1[:message]}" } ]
    end

    private
      def config
        @app.config
      end

      def texts
        values.compact.filter_map { |name, value| (text = text_of(name, value)) && [ name, text ] }.to_h
      end

      def text_of(name, value)
        SettingText.new(Settings.find(name)).of(value)
      rescue ConfigurationError => error
        unsayable.concat(error.faults)
        nil
      end

      # Faults of values that Rails takes and no setting can have.
      def unsayable
        @unsayable ||= []
      end

      def values
        {
          **@public.values,
          "filter_parameters" => @filters.to_a.presence,
          "trusted_proxies" => (trusted_proxies unless proxies_note),
          "assets_prefix" => (config.assets.prefix if config.respond_to?(:assets)),
          "relative_url_root" => config.relative_url_root.presence,
          "sendfile_roots" => SendfileRoots.new(@app).to_a,
          "sendfile_header" => (header_of_rails if Sendfile.understood?(header_of_rails))
        }
      end

      # With a header that the app chose, Rack::Sendfile does by itself what it was told.
      def sendfile?
        header_of_rails.nil? && @app.config.middleware.any? { _1.name == "Thruster::Middleware" }
      end

      def header_of_rails
        config.action_dispatch.x_sendfile_header.presence
      end

      def hosts
        Array(config.hosts).map { |host| host.is_a?(Regexp) ? host.inspect : host.to_s }
      end

      # Since Rails 7.1.
      def assume_ssl?
        config.respond_to?(:assume_ssl) && config.assume_ssl ? true : false
      end

      def trusted_proxies
        Array(config.action_dispatch.trusted_proxies).presence
      end

      def proxies_note
        patterns = trusted_proxies.to_a.reject { |proxy| proxy.is_a?(IPAddr) || proxy.is_a?(String) }
        return if patterns.empty?

        "config.action_dispatch.trusted_proxies has #{patterns.first.inspect}, which is no network: thrust trusts the " \
          "proxies of THRUSTER_TRUSTED_PROXIES or config.thruster.trusted_proxies instead"
      end

      def filter_note
        beyond = @filters.beyond_words
        return if beyond.empty?

        "config.filter_parameters has #{beyond.first.is_a?(Proc) ? "a proc" : beyond.first.inspect}, which cannot be said in " \
          "words: thrust masks every parameter in its log; config.thruster.filter_parameters says otherwise"
      end
  end
end
